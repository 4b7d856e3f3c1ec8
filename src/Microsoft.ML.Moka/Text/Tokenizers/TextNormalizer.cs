using System.Text;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>Changes a text before it is split: Hugging Face's <c>normalizer</c>.</summary>
internal abstract class TextNormalizer
{
    /// <summary>A normalizer that changes nothing.</summary>
    public static TextNormalizer None { get; } = new Chain([]);

    public abstract string Normalize(string text);

    /// <summary>Whether what it returns can begin elsewhere than the text.</summary>
    public virtual bool MovesStart => false;

    internal sealed class Chain(IReadOnlyList<TextNormalizer> items) : TextNormalizer
    {
        public override bool MovesStart => items.Any(item => item.MovesStart);

        public override string Normalize(string text) => items.Aggregate(text, (current, item) => item.Normalize(current));
    }

    internal sealed class Composition : TextNormalizer
    {
        public override string Normalize(string text) => CanonicalForm.Compose(text);
    }

    internal sealed class Decomposition : TextNormalizer
    {
        public override string Normalize(string text) => CanonicalForm.Decompose(text);
    }

    /// <summary>Puts something before a text that is not empty.</summary>
    internal sealed class Prepend(string what) : TextNormalizer
    {
        public override bool MovesStart => true;

        public override string Normalize(string text) => text.Length == 0 ? text : what + text;
    }

    internal sealed class ReplaceText(string what, string by) : TextNormalizer
    {
        public override string Normalize(string text) => text.Replace(what, by, StringComparison.Ordinal);
    }

    internal sealed class ReplaceMatches(Expression what, string by) : TextNormalizer
    {
        public override string Normalize(string text)
        {
            var matches = new List<(int Start, int End)>();
            what.Matches(text, matches);
            if (text.Length == 0 || matches.Count == 0)
                return text;
            var replaced = new StringBuilder();
            var end = 0;
            foreach (var match in matches)
            {
                replaced.Append(text, end, match.Start - end).Append(by);
                end = match.End;
            }
            return replaced.Append(text, end, text.Length - end).ToString();
        }
    }

    /// <summary>The only letter that becomes two is U+0130.</summary>
    internal sealed class Lowercase : TextNormalizer
    {
        public override string Normalize(string text) => text.ToLowerInvariant().Replace("\u0130", "i\u0307", StringComparison.Ordinal);
    }

    internal sealed class Strip(bool left, bool right) : TextNormalizer
    {
        public override bool MovesStart => left;

        public override string Normalize(string text)
        {
            var (start, end) = (0, text.Length);
            while (left && start < end && NamedSets.Space.Contains(text[start]))
                start++;
            while (right && end > start && NamedSets.Space.Contains(text[end - 1]))
                end--;
            return text[start..end];
        }
    }

    /// <summary>SentencePiece's own: extra spaces go where the model says so, one is put first, and all become U+2581.</summary>
    internal sealed class SentencePieceSpaces(bool addsFirst, bool removesExtra) : TextNormalizer
    {
        public override string Normalize(string text)
        {
            var plain = removesExtra ? string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries)) : text;
            return (addsFirst && plain.Length > 0 ? " " + plain : plain).Replace(' ', SentencePieceModel.Space);
        }
    }
}
