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

    /// <summary>Whether what stands on one side of a cut becomes what it becomes whatever is on the other; where that is not known, it does not.</summary>
    /// <param name="cut">The cut; its blank is afterwards what the blank becomes.</param>
    public virtual bool WorksApart(ref WordCut cut) => false;

    /// <summary>What becomes of a text that goes on from another one, at a cut where it <see cref="WorksApart"/>.</summary>
    public virtual string Continue(string text) => Normalize(text);

    internal sealed class Chain(IReadOnlyList<TextNormalizer> items) : TextNormalizer
    {
        public override bool MovesStart => items.Any(item => item.MovesStart);

        public override string Normalize(string text) => items.Aggregate(text, (current, item) => item.Normalize(current));

        public override string Continue(string text) => items.Aggregate(text, (current, item) => item.Continue(current));

        public override bool WorksApart(ref WordCut cut)
        {
            foreach (var item in items)
            {
                if (!item.WorksApart(ref cut))
                    return false;
            }
            return true;
        }
    }

    internal sealed class Composition : TextNormalizer
    {
        public override string Normalize(string text) => CanonicalForm.Compose(text);

        public override bool WorksApart(ref WordCut cut) => true;
    }

    internal sealed class Decomposition : TextNormalizer
    {
        public override string Normalize(string text) => CanonicalForm.Decompose(text);

        public override bool WorksApart(ref WordCut cut) => true;
    }

    /// <summary>Puts something before a text that is not empty.</summary>
    internal sealed class Prepend(string what) : TextNormalizer
    {
        public override bool MovesStart => true;

        public override string Normalize(string text) => text.Length == 0 ? text : what + text;

        public override bool WorksApart(ref WordCut cut) => true;

        public override string Continue(string text) => text;
    }

    internal sealed class ReplaceText(string what, string by) : TextNormalizer
    {
        public override string Normalize(string text) => text.Replace(what, by, StringComparison.Ordinal);

        // With no small letter in it, it can be neither across the cut nor longer than the blank there.
        public override bool WorksApart(ref WordCut cut)
        {
            if (what.Length == 0 || what.Any(char.IsAsciiLetterLower) || (what == cut.Blank.ToString() && by.Length != 1))
                return false;
            if (what == cut.Blank.ToString())
                cut = cut with { Blank = by[0] };
            return true;
        }
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

        public override bool WorksApart(ref WordCut cut) => true;
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

        public override bool WorksApart(ref WordCut cut) => true;

        public override string Continue(string text) => new Strip(left: false, right).Normalize(text);
    }

    /// <summary>SentencePiece's own: extra spaces go where the model says so, one is put first, and all become U+2581.</summary>
    internal sealed class SentencePieceSpaces(bool addsFirst, bool removesExtra) : TextNormalizer
    {
        public override string Normalize(string text) => Marked(addsFirst, Plain(text));

        public override bool WorksApart(ref WordCut cut)
        {
            cut = cut with { Blank = cut.Blank == ' ' ? SentencePieceModel.Space : cut.Blank };
            return true;
        }

        // The blank at the cut is one between words.
        public override string Continue(string text) => Marked(withBlank: removesExtra && text.StartsWith(' '), Plain(text));

        private string Plain(string text) => removesExtra ? string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries)) : text;

        private static string Marked(bool withBlank, string text) => (withBlank && text.Length > 0 ? " " + text : text).Replace(' ', SentencePieceModel.Space);
    }
}
