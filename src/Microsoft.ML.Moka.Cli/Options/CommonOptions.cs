using System.CommandLine;
using System.Globalization;

namespace Microsoft.ML.Moka.Cli.Options;

/// <summary>Options that several verbs have.</summary>
internal static class CommonOptions
{
    public static Option<FileSystemInfo?> Backbone() => new("--backbone")
    {
        Description = "The folder of a LLaMA in Hugging Face form (config.json, safetensors, tokenizer), a GGUF file, or OWNER/NAME of a model " +
            "that 'moka pull' has fetched. " +
            "[default: the small one inside the tool]",
        HelpName = "folder|file.gguf|name",
    };

    public static Option<BackboneQuantization> Quantization() => new("--quantization")
    {
        Description = "How the backbone's weights are kept in memory.",
        DefaultValueFactory = _ => BackboneQuantization.NF4,
        HelpName = "NF4|FP4|Int8|None",
    };

    public static Option<MokaPrecision?> Precision(string whose = "") => new("--precision")
    {
        Description = $"How the CPU multiplies matrices{whose}. BFloat16 needs AMX or AMD's AVX512_BF16. "
            + "[default: Split where the processor has AMX, else Float32]",
        HelpName = "Float32|Split|BFloat16",
    };

    public static Option<bool> Json() => new("--json") { Description = "Writes the result as JSON, for scripts." };

    public static Option<DirectoryInfo> OutputFolder(string description) => new("--output", "-o")
    {
        Description = description,
        Required = true,
        HelpName = "folder",
    };

    /// <summary>A number that has to lie in a range.</summary>
    public static Option<T> Within<T>(this Option<T> option, double least, double most)
    {
        option.Validators.Add(result =>
        {
            // What is no number at all is reported by the parser.
            if (result.Tokens is [{ Value: var text }] && double.TryParse(text, CultureInfo.InvariantCulture, out var number)
                && !(number >= least && number <= most))
                result.AddError(FormattableString.Invariant($"{option.Name} is {text}; it must be {Range(least, most)}."));
        });
        return option;
    }

    private static string Range(double least, double most)
    {
        var lower = least == double.Epsilon ? "above 0" : FormattableString.Invariant($"at least {least}");
        return most >= int.MaxValue ? lower : FormattableString.Invariant($"{lower} and at most {most}");
    }
}
