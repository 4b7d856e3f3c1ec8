using System.CommandLine;
using System.Text.Json;
using Microsoft.ML.Moka.Cli.Options;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka inspect: what is in a model file, an adapter folder or a backbone folder.</summary>
internal sealed class InspectVerb
{
    private const string AdapterConfig = "adapter_config.json";

    private readonly Terminal _terminal;
    private readonly Argument<string?> _path = new("path")
    {
        Description = "A model file, an adapter folder, or a backbone (its folder, GGUF file, or OWNER/NAME of a fetched one). [default: the small " +
            "backbone inside the tool]",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<FileSystemInfo?> _backbone = new("--backbone")
    {
        Description = "The backbone of an adapter folder. [default: the one that it names, else the one inside the tool]",
        HelpName = "folder|file.gguf",
    };
    private readonly Option<int> _spectrum = new Option<int>("--spectrum")
    {
        Description = "The most singular values of an update; effective ranks of larger updates are left out.",
        DefaultValueFactory = _ => 512,
        HelpName = "number",
    }.Within(0, int.MaxValue);
    private readonly Option<DirectoryInfo?> _svg = new("--svg")
    {
        Description = "Writes pictures of gates, norms and ranks into this folder.",
        HelpName = "folder",
    };
    private readonly Option<bool> _json = CommonOptions.Json();

    private InspectVerb(Terminal terminal) => _terminal = terminal;

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new InspectVerb(terminal);
        var command = new CliCommand("inspect",
            """
            Shows what is in a model file, an adapter folder or a backbone folder: shape, tokenizer, quantization, fingerprint; gates, norms and ranks of what was trained.

              moka inspect tickets.zip --svg pictures
              moka inspect adapter --backbone Llama-2-7b-hf
            """)
        {
            verb._path, verb._backbone, verb._spectrum, verb._svg, verb._json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(() => verb.Run(parsed, cancellation), CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        var path = parsed.GetValue(_path);
        var fetched = path is null || Path.Exists(path) ? null : MokaBackbone.Find(path);
        if (fetched is not null)
            path = fetched;
        if (path is not null && !Path.Exists(path))
            throw new FileNotFoundException($"There is no file or folder '{path}', and no fetched model of this name; 'moka pull OWNER/NAME' fetches one " +
                "from Hugging Face's hub.");
        var isAdapter = path is not null && File.Exists(Path.Combine(path, AdapterConfig));
        if (!isAdapter && parsed.GetValue(_backbone) is not null)
            throw new UsageException("--backbone goes with an adapter folder.");
        if (path is null || (Directory.Exists(path) && !isAdapter) || path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))
            return Backbone(parsed, BackboneDescription.Of(path));
        var context = Context.Create(_terminal);
        // Looking inside takes long, and the pictures come after it.
        if (parsed.GetValue(_svg) is { } pictures)
            WrittenPath.RequireNoFile(pictures.ToString());
        if (isAdapter)
        {
            var backbone = parsed.GetValue(_backbone)?.ToString() ?? NamedBackbone(path);
            var adapter = ProgressDisplay.Wait(
                _terminal, "Inspecting", () => context.Model.InspectAdapter(backbone, path, parsed.GetValue(_spectrum)), cancellation);
            return Show(parsed, path, null, BackboneDescription.Of(backbone), adapter);
        }
        var loaded = LoadedModel.Open(_terminal, context, path);
        // Where the wait is cancelled the model is in use yet, and ends with the process.
        var inspection = ProgressDisplay.Wait(_terminal, "Inspecting", () => loaded.Model.Inspect(parsed.GetValue(_spectrum)), cancellation);
        using (loaded)
            return Show(parsed, path, loaded.Model, loaded.Model.DescribeBackbone(), inspection);
    }

    private int Backbone(ParseResult parsed, BackboneDescription backbone)
    {
        if (parsed.GetValue(_svg) is not null)
            throw new UsageException("A backbone has no adapter to draw: --svg needs a model file or an adapter folder.");
        if (parsed.GetValue(_json))
            Json.Write(_terminal.Out, backbone);
        else
            Tell(ModelText.Of(backbone));
        return ExitCode.Success;
    }

    private int Show(ParseResult parsed, string path, MokaModel? model, BackboneDescription backbone, AdapterInspection inspection)
    {
        if (parsed.GetValue(_svg) is { } folder)
            Draw(folder, inspection);
        if (parsed.GetValue(_json))
        {
            Json.Write(_terminal.Out, new InspectedModel(
                path, backbone, model is null ? null : ModelText.Numbers(model), inspection.TrainableParameterCount, inspection.Maps, inspection.Filters,
                inspection.Head));
            return ExitCode.Success;
        }
        if (model is not null)
            Tell(ModelText.Of(model, path));
        Tell(ModelText.Of(backbone));
        var share = 100.0 * inspection.TrainableParameterCount / backbone.ParameterCount;
        _terminal.Out.WriteLine(FormattableString.Invariant(
            $"adapter        {inspection.TrainableParameterCount:N0} parameters on {inspection.Maps.Count} maps, {share:0.###} % of the backbone's"));
        _terminal.Out.WriteLine();
        _terminal.Out.WriteLine(inspection);
        return ExitCode.Success;
    }

    private void Draw(DirectoryInfo folder, AdapterInspection inspection)
    {
        folder.Create();
        foreach (var (name, svg) in (ReadOnlySpan<(string, string)>)[("gates.svg", inspection.GatesToSvg()), ("norms.svg", inspection.NormsToSvg()),
            ("ranks.svg", inspection.RanksToSvg())])
            File.WriteAllText(Path.Combine(folder.FullName, name), svg);
        _terminal.Error.WriteLine($"Wrote gates.svg, norms.svg and ranks.svg to {folder}.");
    }

    private void Tell(IEnumerable<(string Name, string Value)> lines)
    {
        foreach (var (name, value) in lines)
            _terminal.Out.WriteLine($"{name,-14} {value}");
    }

    /// <summary>The backbone that the adapter was trained on, by its own config, where that is a folder here, or a fetched model.</summary>
    private static string? NamedBackbone(string folder)
    {
        try
        {
            using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, AdapterConfig)));
            return config.RootElement.TryGetProperty("base_model_name_or_path", out var element) && element.ValueKind == JsonValueKind.String
                && element.GetString() is { } name && (Path.Exists(name) || MokaBackbone.Find(name) is not null)
                ? name
                : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{Path.Combine(folder, AdapterConfig)} is no JSON object. {error.Message}", error);
        }
    }
}

/// <summary>A model or an adapter for scripts.</summary>
internal sealed record InspectedModel(
    string Path, BackboneDescription Backbone, ModelNumbers? Model, long TrainableParameterCount, IReadOnlyList<MapInspection> Maps,
    IReadOnlyList<FilterInspection> Filters, HeadInspection? Head);
