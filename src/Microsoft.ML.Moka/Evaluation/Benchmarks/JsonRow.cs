using System.Text.Json;

namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>A row of a JSON file: its fields, checked as they are read, and where it stands, for errors.</summary>
internal sealed record JsonRow(JsonElement Fields, string File, long Line, int Number)
{
    public bool Has(string name) => Find(name) is not null;

    public string Text(string name) => OptionalText(name) ?? throw Missing(name);

    public string? OptionalText(string name) => Find(name) is { } value ? TextOf(value, name) : null;

    /// <summary>A list of texts.</summary>
    public string[] Texts(string name) => Find(name) switch
    {
        null => throw Missing(name),
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => TextOf(item, name))],
        _ => throw Error($"'{name}' must be a list of texts"),
    };

    /// <summary>An object inside the row.</summary>
    public JsonRow Object(string name) => Find(name) switch
    {
        null => throw Missing(name),
        { ValueKind: JsonValueKind.Object } value => this with { Fields = value },
        _ => throw Error($"'{name}' must be an object"),
    };

    /// <summary>The objects of a list.</summary>
    public IEnumerable<JsonRow> Objects(string name) => Find(name) is { ValueKind: JsonValueKind.Array } list
        ? list.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Object ? this with { Fields = item } : throw Error($"'{name}' must be a list of objects"))
        : throw Error($"'{name}' must be a list of objects");

    /// <summary>A number, a truth value or a text, as text: benchmarks write their labels in all three ways.</summary>
    public string Label(string name) => Find(name) switch
    {
        null => throw Missing(name),
        { ValueKind: JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False } value => value.GetRawText(),
        { } value => TextOf(value, name).Trim(),
    };

    public bool IsObject(string name) => Find(name) is { ValueKind: JsonValueKind.Object };

    public bool IsArray(string name) => Find(name) is { ValueKind: JsonValueKind.Array };

    public InvalidDataException Error(string problem) => new($"{File}, line {Line} (row {Number}): {problem}.");

    private InvalidDataException Missing(string name) => Error($"'{name}' is missing");

    private JsonElement? Find(string name) =>
        Fields.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private string TextOf(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw Error($"'{name}' must be a text");
        try
        {
            return value.GetString()!;
        }
        // Half a character, as bytes or as an escape.
        catch (InvalidOperationException e)
        {
            throw Error($"'{name}' is no well-formed text: {e.Message}");
        }
    }
}
