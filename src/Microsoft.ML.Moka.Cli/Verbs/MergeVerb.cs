using System.CommandLine;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka merge: an adapter in its backbone.</summary>
internal static class MergeVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var model = new Argument<FileInfo?>("model")
        {
            Description = "A model file. Without it, --adapter-folder says what is merged.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var adapter = new Option<DirectoryInfo?>("--adapter-folder")
        {
            Description = "An adapter in PEFT's form, to be merged into --backbone.",
            HelpName = "folder",
        };
        var backbone = CommonOptions.Backbone();
        var output = CommonOptions.OutputFolder("The folder to be written, or with --gguf the file; an earlier model there is replaced when the new " +
            "one is complete.");
        var type = new Option<string>("--type")
        {
            Description = "The merged weights: none (the precision of the backbone's files), nf4 or fp4.",
            DefaultValueFactory = _ => "none",
        };
        type.AcceptOnlyFromAmong("none", "nf4", "fp4");
        var keep = new Option<bool>("--keep-quantization-errors")
        {
            Description = "Merges into the weights as they were quantized in training, instead of those in the backbone's files (a model file only).",
        };
        var gguf = new Option<string?>("--gguf")
        {
            Description = "Writes one GGUF file for llama.cpp and Ollama, with a Modelfile beside it: f16, bf16, f32, q8_0 or q4_0. --output is the file.",
        };
        gguf.AcceptOnlyFromAmong("f16", "bf16", "f32", "q8_0", "q4_0");
        var pre = new Option<string?>("--pre")
        {
            Description = "With --gguf: llama.cpp's name for how the tokenizer splits texts, where none fits and a near one will do. [default: it is found]",
            HelpName = "name",
        };
        var json = CommonOptions.Json();
        var command = new CliCommand("merge",
            """
            Writes a backbone with an adapter merged into it, in Hugging Face form: it needs no adapter any more, and no Moka.

              moka merge tickets.zip --output merged
              moka merge --adapter-folder adapter --backbone Llama-2-7b-hf --type nf4 --output merged-nf4
              moka merge chef.zip --gguf q8_0 --output chef.gguf
            """)
        {
            model, adapter, backbone, output, type, gguf, pre, keep, json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var quantization = Enum.Parse<BackboneQuantization>(parsed.GetValue(type)!, ignoreCase: true);
                var target = parsed.GetValue(output)!.ToString();
                var (file, folder) = (parsed.GetValue(model), parsed.GetValue(adapter));
                if ((file is null) == (folder is null))
                    throw new UsageException("What is to be merged? Either a model file, or --adapter-folder (with --backbone).");
                var form = parsed.GetValue(gguf) is { } name ? Enum.Parse<GgufFormat>(name, ignoreCase: true) : (GgufFormat?)null;
                if (form is not null && parsed.GetResult(type) is { Implicit: false })
                    throw new UsageException(
                        "--type is for a folder in Hugging Face form, and --gguf says the form of the weights itself: leave out one of them.");
                if (form is null && parsed.GetValue(pre) is not null)
                    throw new UsageException("--pre goes with --gguf.");
                var context = Context.Create(terminal);
                BackboneDescription before;
                if (file is not null)
                {
                    if (parsed.GetValue(backbone) is not null)
                        throw new UsageException("A model file knows its backbone: leave out --backbone.");
                    using var loaded = LoadedModel.Open(terminal, context, file.ToString());
                    if (form is { } one)
                    {
                        GgufWriting.Run(terminal, "Merging", one, parsed.GetValue(pre), options =>
                        {
                            options.KeepQuantizationErrors = parsed.GetValue(keep);
                            loaded.Model.SaveGguf(target, options);
                        }, cancellation);
                        GgufWriting.Tell(terminal, target, parsed.GetValue(json));
                        return ExitCode.Success;
                    }
                    before = loaded.Model.DescribeBackbone();
                    FolderWriting.Run(terminal, "Merging", quantization, options =>
                    {
                        options.KeepQuantizationErrors = parsed.GetValue(keep);
                        loaded.Model.SaveMerged(target, options);
                    }, cancellation);
                }
                else
                {
                    if (parsed.GetValue(keep))
                        throw new UsageException(
                            "An adapter folder does not say how the backbone was quantized in training: --keep-quantization-errors needs a model file.");
                    var source = parsed.GetValue(backbone)?.ToString();
                    if (form is { } one)
                    {
                        GgufWriting.Run(terminal, "Merging", one, parsed.GetValue(pre), options =>
                            context.Model.SaveGguf(source, folder!.ToString(), target, options), cancellation);
                        GgufWriting.Tell(terminal, target, parsed.GetValue(json));
                        return ExitCode.Success;
                    }
                    before = BackboneDescription.Of(source);
                    FolderWriting.Run(terminal, "Merging", quantization, options =>
                        context.Model.Merge(source, folder!.ToString(), target, options), cancellation);
                }
                FolderWriting.Tell(terminal, before, target, parsed.GetValue(json));
                return ExitCode.Success;
            }, CancellationToken.None));
        return command;
    }
}
