using System.CommandLine;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka export: the adapter of a model file as a folder in PEFT's form.</summary>
internal static class ExportVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var model = new Argument<FileInfo>("model") { Description = "A model file." };
        var output = CommonOptions.OutputFolder("The folder to be written: adapter_config.json and adapter_model.safetensors. Other files in it stay.");
        var format = new Option<string>("--format")
        {
            Description = "as-trained, or lokr or lora where that says the same update: more programs know those.",
            DefaultValueFactory = _ => "as-trained",
        };
        format.AcceptOnlyFromAmong("as-trained", "lokr", "lora");
        var gguf = new Option<bool>("--gguf")
        {
            Description = "Writes one GGUF file for llama.cpp's --lora and Ollama's ADAPTER: LoRA, and what says the same. --output is the file.",
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
            """)
        {
            model, output, format, gguf, from, json,
        };
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output)!.ToString();
            if (parsed.GetValue(gguf) && parsed.GetResult(format) is { Implicit: false })
                throw new UsageException("--gguf is LoRA's form: leave out --format.");
            if (!parsed.GetValue(gguf) && parsed.GetValue(from) is not null)
                throw new UsageException("--from goes with --gguf.");
            using var loaded = LoadedModel.Open(Context.Create(terminal), parsed.GetValue(model)!.ToString());
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
                    FormattableString.Invariant($"Wrote {folder}: {loaded.Model.TrainableParameterCount:N0} parameters, {Sizes.Of(Sizes.OfFolder(folder))}."));
            return ExitCode.Success;
        });
        return command;
    }
}

/// <summary>An adapter's folder for scripts.</summary>
internal sealed record WrittenAdapter(string Folder, long Parameters, long Bytes);
