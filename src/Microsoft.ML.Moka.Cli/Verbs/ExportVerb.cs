using System.CommandLine;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka export: the adapter of a model file as a folder in PEFT's form.</summary>
internal static class ExportVerb
{
    private const int DefaultRank = 16;

    public static CliCommand Create(Terminal terminal)
    {
        var model = new Argument<FileInfo>("model") { Description = "A model file." };
        var output = CommonOptions.OutputFolder("The folder to be written: adapter_config.json and adapter_model.safetensors. Other files in it stay.");
        var format = new Option<string>("--format")
        {
            Description = "as-trained, or lokr or lora where that says the same update: more programs know those; or cdka, as CDKA's authors store it.",
            DefaultValueFactory = _ => "as-trained",
        };
        format.AcceptOnlyFromAmong("as-trained", "lokr", "lora", "cdka");
        var gguf = new Option<bool>("--gguf")
        {
            Description = "Writes one GGUF file for llama.cpp's --lora and Ollama's ADAPTER: LoRA, and what says the same. --output is the file.",
        };
        var lora = new Option<bool>("--lora")
        {
            Description = "Writes the nearest LoRA of an adapter of any method, and says what that loses. --rank or --energy says how near.",
        };
        var rank = new Option<int?>("--rank") { Description = "With --lora: the rank on every map. [default: 16]", HelpName = "number" };
        var energy = new Option<double?>("--energy")
        {
            Description = "With --lora, in place of --rank: the share of every map's update that is kept, such as 0.99; the least rank that does is taken.",
            HelpName = "share",
        };
        var from = new Option<string?>("--from")
        {
            Description = "With --gguf: what the Modelfile beside it names as the model to put the adapter on. [default: the backbone's path, where " +
                "it has one]",
            HelpName = "path|name",
        };
        var json = CommonOptions.Json();
        var command = new CliCommand("export",
            """
            Writes the adapter of a model as PEFT does. PEFT itself reads lora, rslora, dora and lokr; the other methods are written in the same style.

              moka export tickets.zip --output adapter
              moka export chef-lora.zip --gguf --output chef-lora.gguf
              moka export tickets.zip --lora --rank 16 --output tickets-lora
            """)
        {
            model, output, format, lora, rank, energy, gguf, from, json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var folder = parsed.GetValue(output)!.ToString();
                if (parsed.GetValue(gguf) && parsed.GetResult(format) is { Implicit: false })
                    throw new UsageException("--gguf is LoRA's form: leave out --format.");
                if (!parsed.GetValue(gguf) && parsed.GetValue(from) is not null)
                    throw new UsageException("--from goes with --gguf.");
                if (!parsed.GetValue(lora) && (parsed.GetValue(rank) ?? parsed.GetValue(energy)) is not null)
                    throw new UsageException("--rank and --energy go with --lora.");
                if (parsed.GetValue(lora) && parsed.GetResult(format) is { Implicit: false })
                    throw new UsageException("--lora is a form by itself: leave out --format.");
                if (parsed.GetValue(rank) is not null && parsed.GetValue(energy) is not null)
                    throw new UsageException("--rank and --energy say the same thing twice: leave out one of them.");
                if (parsed.GetValue(rank) is < 1)
                    throw new UsageException("--rank must be at least 1.");
                if (parsed.GetValue(energy) is { } share && !(share > 0 && share <= 1))
                    throw new UsageException("--energy must be above 0 and at most 1.");
                using var loaded = LoadedModel.Open(terminal, Context.Create(terminal), parsed.GetValue(model)!.ToString());
                if (parsed.GetValue(lora))
                {
                    var conversion = ProgressDisplay.Wait(terminal, "Converting", () => parsed.GetValue(energy) is { } kept
                        ? loaded.Model.ToLoraOfEnergy(kept, cancellation)
                        : loaded.Model.ToLora(parsed.GetValue(rank) ?? DefaultRank, cancellation));
                    Write(conversion, parsed.GetValue(gguf), parsed.GetValue(from));
                    return ExitCode.Success;
                }
                if (parsed.GetValue(gguf))
                {
                    loaded.Model.SaveAdapterGguf(folder, parsed.GetValue(from));
                    GgufWriting.Tell(terminal, folder, parsed.GetValue(json));
                    return ExitCode.Success;
                }
                loaded.Model.SaveAdapter(
                    folder, Enum.Parse<AdapterFileFormat>(parsed.GetValue(format)!.Replace("-", "", StringComparison.Ordinal), ignoreCase: true));
                if (parsed.GetValue(json))
                    Json.Write(terminal.Out, new WrittenAdapter(Path.GetFullPath(folder), loaded.Model.TrainableParameterCount, Sizes.OfFolder(folder)));
                else
                    terminal.Out.WriteLine(
                        FormattableString.Invariant(
                            $"Wrote {folder}: {loaded.Model.TrainableParameterCount:N0} parameters, {Sizes.Of(Sizes.OfFolder(folder))}."));
                return ExitCode.Success;

                void Write(LoraConversion conversion, bool asGguf, string? model)
                {
                    if (asGguf)
                        conversion.SaveGguf(folder, model);
                    else
                        conversion.Save(folder);
                    var bytes = asGguf ? new FileInfo(folder).Length : Sizes.OfFolder(folder);
                    if (parsed.GetValue(json))
                        Json.Write(terminal.Out, new WrittenLora(
                            Path.GetFullPath(folder), conversion.Rank, conversion.KeptEnergy, conversion.RelativeError, conversion.Maps, bytes));
                    else
                        terminal.Out.WriteLine($"Wrote {folder}: {Sizes.Of(bytes)}. {conversion}.");
                }
            }, CancellationToken.None));
        return command;
    }
}

/// <summary>A converted adapter for scripts: its folder or GGUF file.</summary>
internal sealed record WrittenLora(
    string Path, int Rank, double KeptEnergy, double RelativeError, IReadOnlyList<LoraMapConversion> Maps, long Bytes);

/// <summary>An adapter's folder for scripts.</summary>
internal sealed record WrittenAdapter(string Folder, long Parameters, long Bytes);
