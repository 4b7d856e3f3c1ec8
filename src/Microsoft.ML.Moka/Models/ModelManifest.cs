using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Models;

/// <summary>What <c>moka.json</c> says of a saved model.</summary>
internal static class ModelManifest
{
    public const string Name = "moka.json";

    /// <summary>
    /// Whoever knows no later version takes all labels for keys of text, and all models for multiclass ones, and knows no columns that a template names.
    /// </summary>
    public const int VersionOfLabels = 3;

    /// <exception cref="InvalidDataException">The JSON is not what was saved. Earlier versions saved no hash of it.</exception>
    public static void CheckOwnHash(byte[] json)
    {
        if (HashedJson.Matches(json, Name) is false)
            throw new InvalidDataException($"The entry '{Name}' of the model was changed since it was saved: its SHA-256 is not the one in it.");
    }
}

/// <inheritdoc cref="ModelManifest"/>
internal sealed record ModelManifest<TOutputs>
    where TOutputs : IModelOutputs<TOutputs>
{
    private const int FirstVersion = 1;

    // Whoever knows version 1 alone would leave out what a conversation says.
    private const int VersionOfConversations = 2;
    private const int MostTokens = 1 << 24;

    public required BackboneKind Backbone { get; init; }

    /// <summary>The folder of a backbone that is not inside; else empty.</summary>
    public required string BackbonePath { get; init; }

    public required string Fingerprint { get; init; }

    public required BackboneQuantization Quantization { get; init; }

    /// <summary>The precision that was asked for; null for the usual one of whatever machine loads the model.</summary>
    public required MokaPrecision? Precision { get; init; }

    public required InputColumns Inputs { get; init; }

    public required TOutputs Outputs { get; init; }

    public required PromptTemplate Template { get; init; }

    public required int MaxTokens { get; init; }

    /// <summary>Null where it was not trained, or where an earlier version saved it.</summary>
    public required TrainingRecord? Training { get; init; }

    /// <summary>The entries beside this one, with their SHA-256 in hexadecimal.</summary>
    public required IReadOnlyDictionary<string, string> Hashes { get; init; }

    public ModelParts<TOutputs> ToParts(BackboneSource source, BackboneTokenizer tokenizer) =>
        new(source, Backbone == BackboneKind.Included, tokenizer, Template, MaxTokens, Inputs, Outputs, Training);

    public static byte[] Write(ModelParts<TOutputs> parts, SharedBackbone backbone, IReadOnlyDictionary<string, string> hashes)
    {
        var kind = parts.SaveBackbone ? BackboneKind.Included : parts.Backbone.Kind;
        var columns = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["candidates"] = parts.Inputs.Candidates,
            ["input"] = parts.Inputs.Input,
            ["instruction"] = parts.Inputs.Instruction,
            ["text"] = parts.Inputs.Text,
        };
        if (parts.Inputs.Messages is not null)
            columns["messages"] = parts.Inputs.Messages;
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["backbone"] = new SortedDictionary<string, object?>(StringComparer.Ordinal)
            {
                ["fingerprint"] = backbone.Fingerprint,
                ["kind"] = kind.ToString(),
                ["path"] = kind == BackboneKind.Folder ? parts.Backbone.Files.Location : "",
                ["quantization"] = backbone.Quantization.ToString(),
            },
            ["columns"] = columns,
            ["files"] = hashes.Keys.ToArray(),
            ["max_tokens"] = parts.MaxTokens,
            ["sha256"] = hashes,
            ["template"] = parts.Template.ToString(),
            ["training"] = parts.Training?.ToFields(),
            ["version"] = Math.Max(
                parts.Template.Columns.Count > 0 ? ModelManifest.VersionOfLabels : parts.Inputs.Messages is null ? FirstVersion : VersionOfConversations,
                parts.Outputs.Version),
        };
        if (backbone.Precision is { } precision)
            fields["precision"] = precision.ToString();
        parts.Outputs.Write(fields, columns);
        return HashedJson.Write(fields);
    }

    /// <param name="json">The entry's bytes.</param>
    /// <param name="source">What errors call the entry.</param>
    /// <exception cref="InvalidDataException">A field is missing or makes no sense; the message names it.</exception>
    public static ModelManifest<TOutputs> Read(ReadOnlyMemory<byte> json, string source) => JsonFields.Parse(json, source, Read);

    private static ModelManifest<TOutputs> Read(JsonFields fields)
    {
        fields.Integer("version", FirstVersion, ModelManifest.VersionOfLabels);
        var backbone = fields.Object("backbone") ?? throw fields.Error("backbone", "is missing");
        var columns = fields.Object("columns") ?? throw fields.Error("columns", "is missing");
        var kind = Choice<BackboneKind>(backbone, "kind");
        var template = TemplateOf(fields);
        return new ModelManifest<TOutputs>
        {
            Backbone = kind,
            BackbonePath = kind == BackboneKind.Folder ? backbone.NonBlank("path") : "",
            Fingerprint = backbone.NonBlank("fingerprint"),
            Quantization = Choice<BackboneQuantization>(backbone, "quantization"),
            Precision = fields.Has("precision") ? Choice<MokaPrecision>(fields, "precision") : null,
            Inputs = new InputColumns(Optional(columns, "text"), Optional(columns, "instruction"), Optional(columns, "input"), Optional(columns, "candidates"))
            {
                Messages = Optional(columns, "messages"),
                Named = template.Columns,
            },
            Outputs = TOutputs.Read(fields, columns),
            Template = template,
            MaxTokens = fields.Integer("max_tokens", 3, MostTokens),
            Training = fields.Object("training") is { } training ? TrainingRecord.Read(training) : null,
            Hashes = HashesOf(fields),
        };
    }

    private static T Choice<T>(JsonFields fields, string name) where T : struct, Enum
    {
        var text = fields.Text(name);
        return Enum.GetNames<T>().Contains(text)
            ? Enum.Parse<T>(text)
            : throw fields.Error(name, $"is '{text}'; there are {string.Join(", ", Enum.GetNames<T>())}");
    }

    private static string? Optional(JsonFields fields, string name) => fields.Has(name) ? fields.NonBlank(name) : null;

    private static PromptTemplate TemplateOf(JsonFields fields)
    {
        try
        {
            return PromptTemplate.FromString(fields.Text("template"));
        }
        catch (FormatException e)
        {
            throw fields.Error("template", $"holds no prompt template: {e.Message}");
        }
    }

    private static Dictionary<string, string> HashesOf(JsonFields fields)
    {
        var hashes = fields.Object("sha256") ?? throw fields.Error("sha256", "is missing");
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in fields.Texts("files"))
        {
            if (name.Length == 0 || name != Path.GetFileName(name) || name.Contains("..", StringComparison.Ordinal) || name.Contains('\\'))
                throw fields.Error("files", $"has '{name}', which is no name of a file");
            if (!result.TryAdd(name, hashes.Text(name)))
                throw fields.Error("files", $"has '{name}' twice");
        }
        return result;
    }
}
