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
        var output = CommonOptions.OutputFolder("The folder to be written; an earlier model there is replaced when the new one is complete.");
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
        var json = CommonOptions.Json();
        var command = new CliCommand("merge",
            """
            Writes a backbone with an adapter merged into it, in Hugging Face form: it needs no adapter any more, and no Moka.

              moka merge tickets.zip --output merged
              moka merge --adapter-folder adapter --backbone Llama-2-7b-hf --type nf4 --output merged-nf4
            """)
        {
            model, adapter, backbone, output, type, keep, json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var quantization = Enum.Parse<BackboneQuantization>(parsed.GetValue(type)!, ignoreCase: true);
                var target = parsed.GetValue(output)!.ToString();
                var (file, folder) = (parsed.GetValue(model), parsed.GetValue(adapter));
                if ((file is null) == (folder is null))
                    throw new UsageException("What is to be merged? Either a model file, or --adapter-folder (with --backbone).");
                var context = Context.Create(terminal);
                BackboneDescription before;
                if (file is not null)
                {
                    if (parsed.GetValue(backbone) is not null)
                        throw new UsageException("A model file knows its backbone: leave out --backbone.");
                    using var loaded = LoadedModel.Open(context, file.ToString());
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
