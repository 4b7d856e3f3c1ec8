using System.CommandLine;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka quantize: a backbone in 4 bits.</summary>
internal static class QuantizeVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var backbone = new Argument<FileSystemInfo?>("backbone")
        {
            Description = "The folder of a LLaMA in Hugging Face form, a GGUF file, or OWNER/NAME of a fetched model. [default: the small one inside the tool]",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var output = CommonOptions.OutputFolder("The folder to be written; an earlier model there is replaced when the new one is complete.");
        var type = new Option<string>("--type") { Description = "nf4, fp4, or none: in full precision again.", DefaultValueFactory = _ => "nf4" };
        type.AcceptOnlyFromAmong("nf4", "fp4", "none");
        var json = CommonOptions.Json();
        var command = new CliCommand("quantize",
            """
            Writes a backbone with its linear maps in 4 bits with double quantization, in bitsandbytes' layout, which transformers loads too. Weights are read one by one.

              moka quantize Llama-2-7b-hf --output Llama-2-7b-nf4
            """)
        {
            backbone, output, type, json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var (source, target) = (parsed.GetValue(backbone)?.ToString(), parsed.GetValue(output)!.ToString());
                var before = BackboneDescription.Of(source);
                FolderWriting.Run(terminal, "Quantizing", Enum.Parse<BackboneQuantization>(parsed.GetValue(type)!, ignoreCase: true),
                    options => new MLContext().Model.Quantize(source, target, options), cancellation);
                FolderWriting.Tell(terminal, before, target, parsed.GetValue(json));
                return ExitCode.Success;
            }, CancellationToken.None));
        return command;
    }
}
