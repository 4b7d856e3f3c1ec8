using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>Splits a text into the pieces within which tokens are merged: Hugging Face's <c>pre_tokenizer</c>.</summary>
internal abstract class PreTokenizer
{
    /// <summary>GPT-2's expression, which ByteLevel applies by itself.</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>LLaMA 3's expression.</summary>
    public const string Llama3Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Whether tokens are merged from bytes, in GPT-2's alphabet.</summary>
    public virtual bool IsByteLevel => false;

    /// <summary>Whether the piece that the input begins with is treated otherwise.</summary>
    public virtual bool LooksAtStart => false;

    public abstract void Apply(PieceList pieces);

    /// <summary>What it does at a cut.</summary>
    /// <param name="cut">The cut; its blank is afterwards what the next step finds there.</param>
    public abstract AtCut At(ref WordCut cut);

    /// <summary>What a step does at a <see cref="WordCut"/>.</summary>
    internal enum AtCut
    {
        /// <summary>Not known: what stands before may change what follows.</summary>
        Unsure,

        /// <summary>What follows is as it would be by itself, but for the beginning of its first piece.</summary>
        Apart,

        /// <summary>So is its first piece, which begins at the cut.</summary>
        Splits,
    }

    /// <summary>What becomes of the places where an expression matches.</summary>
    internal enum Behavior
    {
        Isolated,
        Removed,
        Contiguous,
        MergedWithPrevious,
        MergedWithNext,
    }

    internal sealed class Chain(IReadOnlyList<PreTokenizer> items) : PreTokenizer
    {
        public override bool IsByteLevel => items.Any(item => item.IsByteLevel);

        public override bool LooksAtStart => items.Any(item => item.LooksAtStart);

        public override void Apply(PieceList pieces)
        {
            foreach (var item in items)
                item.Apply(pieces);
        }

        public override AtCut At(ref WordCut cut)
        {
            var all = AtCut.Apart;
            foreach (var item in items)
            {
                var one = item.At(ref cut);
                if (one == AtCut.Unsure)
                    return one;
                all = one == AtCut.Splits ? one : all;
            }
            return all;
        }
    }

    internal sealed class Split(Expression expression, Behavior behavior, bool isInverted = false) : PreTokenizer
    {
        public override void Apply(PieceList pieces)
        {
            var matches = new List<(int Start, int End)>();
            pieces.Split((piece, parts) =>
            {
                matches.Clear();
                expression.Matches(piece, matches);
                SplitAt(piece.Length, matches, parts);
            });
        }

        public override AtCut At(ref WordCut cut) =>
            !expression.MatchesApartAt(cut) ? AtCut.Unsure
            : expression.BeginsAt(cut) && (behavior == Behavior.Isolated || (behavior == Behavior.MergedWithNext && !isInverted)) ? AtCut.Splits
            : AtCut.Apart;

        private void SplitAt(int length, List<(int Start, int End)> matches, List<(int Start, int End)> parts)
        {
            var spans = new SpanWriter(behavior, parts);
            var end = 0;
            foreach (var match in matches)
            {
                if (match.Start > end)
                    spans.Add((end, match.Start), isInverted);
                spans.Add(match, !isInverted);
                end = match.End;
            }
            if (length > end)
                spans.Add((end, length), isInverted);
            spans.Complete();
        }
    }

    internal sealed class ByteLevel(bool addsPrefixSpace, bool usesExpression) : PreTokenizer
    {
        private readonly Split? _words = usesExpression ? new Split(new Expression(Gpt2Pattern), Behavior.Isolated) : null;

        public override bool IsByteLevel => true;

        public override void Apply(PieceList pieces)
        {
            if (addsPrefixSpace)
                pieces.Prepend(' ', static (list, piece) => list.Text[piece.Start] != ' ');
            _words?.Apply(pieces);
        }

        public override AtCut At(ref WordCut cut) => addsPrefixSpace && cut.Blank != ' ' ? AtCut.Unsure : _words?.At(ref cut) ?? AtCut.Apart;
    }

    /// <summary>Which pieces Metaspace puts its mark before, where they do not begin with it.</summary>
    internal enum PrependScheme
    {
        Never,
        First,
        Always,
    }

    /// <summary>Spaces become a mark that can be part of a token.</summary>
    internal sealed class Metaspace(char mark, PrependScheme scheme, bool splits) : PreTokenizer
    {
        private readonly Split? _words = splits ? new Split(Expression.ForSet(CodePointSet.Of(mark)), Behavior.MergedWithNext) : null;

        public override bool LooksAtStart => scheme == PrependScheme.First;

        public override void Apply(PieceList pieces)
        {
            pieces.Replace(' ', mark);
            if (scheme != PrependScheme.Never)
                pieces.Prepend(mark, (list, piece) => list.Text[piece.Start] != mark && (scheme == PrependScheme.Always || list.IsFirst(piece)));
            _words?.Apply(pieces);
        }

        public override AtCut At(ref WordCut cut)
        {
            cut = cut with { Blank = cut.Blank == ' ' ? mark : cut.Blank };
            return scheme != PrependScheme.Never && cut.Blank != mark ? AtCut.Unsure : _words?.At(ref cut) ?? AtCut.Apart;
        }
    }

    /// <summary>Puts a mark before what the whole input begins with, be it a mark or not.</summary>
    internal sealed class FirstMark(char mark) : PreTokenizer
    {
        public override void Apply(PieceList pieces) => pieces.Prepend(mark, static (list, piece) => list.IsFirst(piece));

        public override AtCut At(ref WordCut cut) => AtCut.Apart;
    }

    /// <summary>Puts matches and gaps together as a behavior has it; of two neighbours that are both matches only the first is merged.</summary>
    private struct SpanWriter(Behavior behavior, List<(int Start, int End)> parts)
    {
        private readonly int _first = parts.Count;
        private bool _previousIsMatch;
        private List<((int Start, int End) Span, bool IsMatch)>? _backwards;

        public void Add((int Start, int End) span, bool isMatch)
        {
            switch (behavior)
            {
                case Behavior.MergedWithNext:
                    (_backwards ??= []).Add((span, isMatch));
                    return;
                case Behavior.Removed when isMatch:
                    return;
                case Behavior.Contiguous when isMatch == _previousIsMatch && parts.Count > _first:
                case Behavior.MergedWithPrevious when isMatch && !_previousIsMatch && parts.Count > _first:
                    parts[^1] = (parts[^1].Start, span.End);
                    break;
                default:
                    parts.Add(span);
                    break;
            }
            _previousIsMatch = isMatch;
        }

        public readonly void Complete()
        {
            if (_backwards is null)
                return;
            var nextIsMatch = false;
            for (var i = _backwards.Count - 1; i >= 0; i--)
            {
                var (span, isMatch) = _backwards[i];
                if (isMatch && !nextIsMatch && parts.Count > _first)
                    parts[^1] = (span.Start, parts[^1].End);
                else
                    parts.Add(span);
                nextIsMatch = isMatch;
            }
            parts.Reverse(_first, parts.Count - _first);
        }
    }
}
