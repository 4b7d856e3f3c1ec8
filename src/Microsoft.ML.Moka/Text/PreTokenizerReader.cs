using System.Text.Json;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Text;

/// <summary>Reads the <c>pre_tokenizer</c> of a <c>tokenizer.json</c>.</summary>
internal static class PreTokenizerReader
{
    public static PieceSplitter Read(JsonField? node)
    {
        var stages = new List<PieceSplitter.Stage>();
        if (node is not null)
            Add(node, stages);
        return new PieceSplitter(stages);
    }

    private static void Add(JsonField node, List<PieceSplitter.Stage> stages)
    {
        switch (node["type"].Text())
        {
            case "Sequence":
                foreach (var item in node["pretokenizers"].Items())
                    Add(item, stages);
                break;
            case "ByteLevel":
                node.Refuse("add_prefix_space", JsonField.IsTrue, "LLaMA's tokenizers do not begin a text with a space");
                if (node.Optional("use_regex") is not { Value.ValueKind: JsonValueKind.False })
                    stages.Add(PieceSplitter.Gpt2);
                break;
            case "Digits":
                stages.Add(new PieceSplitter.Stage(JsonField.IsTrue(node.Optional("individual_digits")) ? @"\p{N}" : @"\p{N}+"));
                break;
            case "Split":
                stages.Add(Split(node));
                break;
            case var type:
                throw node["type"].Wrong($"is '{type}'; Sequence, Split, Digits and ByteLevel are supported");
        }
    }

    private static PieceSplitter.Stage Split(JsonField node)
    {
        var pattern = node["pattern"];
        var expression = pattern.Optional("Regex")?.Text() ?? Regex.Escape(pattern["String"].Text());
        var dropsGaps = (node["behavior"].Text(), JsonField.IsTrue(node.Optional("invert"))) switch
        {
            ("Isolated", _) => false,
            ("Removed", true) => true,
            var (behavior, _) => throw node["behavior"].Wrong($"is '{behavior}'; Isolated, and Removed with invert, are supported"),
        };
        try
        {
            return new PieceSplitter.Stage(expression, dropsGaps);
        }
        catch (ArgumentException failure)
        {
            throw new InvalidDataException($"{pattern.Path} is not an expression that .NET knows: {failure.Message}", failure);
        }
    }
}
