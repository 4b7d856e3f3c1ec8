using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Text;

/// <summary>Reads the <c>pre_tokenizer</c> of a <c>tokenizer.json</c>.</summary>
internal static class PreTokenizerReader
{
    public static PieceSplitter Read(JsonFields? fields)
    {
        var stages = new List<PieceSplitter.Stage>();
        if (fields is not null)
            Add(fields, stages);
        return new PieceSplitter(stages);
    }

    private static void Add(JsonFields fields, List<PieceSplitter.Stage> stages)
    {
        switch (fields.Text("type"))
        {
            case "Sequence":
                foreach (var item in fields.Objects("pretokenizers"))
                    Add(item, stages);
                break;
            case "ByteLevel":
                if (fields.Boolean("add_prefix_space", missing: true))
                    throw fields.Error("add_prefix_space", "must be false: LLaMA's tokenizers do not begin a text with a space");
                if (fields.Boolean("use_regex", missing: true))
                    stages.Add(PieceSplitter.Gpt2);
                break;
            case "Digits":
                stages.Add(new PieceSplitter.Stage(fields.Boolean("individual_digits", missing: false) ? @"\p{N}" : @"\p{N}+"));
                break;
            case "Split":
                stages.Add(Split(fields));
                break;
            case var type:
                throw fields.Error("type", $"must be Sequence, Split, Digits or ByteLevel; found '{type}'");
        }
    }

    private static PieceSplitter.Stage Split(JsonFields fields)
    {
        var pattern = fields.Object("pattern") ?? throw fields.Error("pattern", "is missing");
        var expression = pattern.Has("Regex") ? pattern.Text("Regex") : Regex.Escape(pattern.Text("String"));
        var dropsGaps = (fields.Text("behavior"), fields.Boolean("invert", missing: false)) switch
        {
            ("Isolated", _) => false,
            ("Removed", true) => true,
            var (behavior, _) => throw fields.Error("behavior", $"must be Isolated, or Removed with invert; found '{behavior}'"),
        };
        try
        {
            return new PieceSplitter.Stage(expression, dropsGaps);
        }
        catch (ArgumentException failure)
        {
            throw fields.Error("pattern", $"must be an expression that .NET knows: {failure.Message}");
        }
    }
}
