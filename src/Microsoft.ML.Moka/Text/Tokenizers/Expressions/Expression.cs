namespace Microsoft.ML.Moka.Text.Tokenizers.Expressions;

/// <summary>
/// A regular expression over code points, as the tokenizers' own engine has it. .NET's sees the two halves of a character beyond U+FFFF, knows no scripts
/// and no possessive repetitions, and its <c>\w</c> and letters without case are others; a token that falls otherwise is another token.
/// </summary>
internal sealed class Expression
{
    private const int LargestProgram = 100_000;

    private readonly List<Step> _steps = [];
    private readonly ExpressionNode _node;
    private readonly CodePointSet? _opening;

    /// <exception cref="FormatException">Something in the pattern is wrong, or not known.</exception>
    public Expression(string pattern)
        : this(ExpressionParser.Parse(pattern))
    {
    }

    private Expression(ExpressionNode node)
    {
        (_node, _opening) = (node, node.Opening);
        Compile(node);
        _steps.Add(new Step(StepKind.Match));
        Program = [.. _steps];
    }

    internal enum StepKind
    {
        /// <summary>Takes one character of the set.</summary>
        One,

        /// <summary>Takes as many characters of the set as it can, and fewer when what follows fails.</summary>
        Many,

        /// <summary>The same, but never fewer.</summary>
        ManyForGood,

        /// <summary>Goes on at <see cref="Step.To"/>, or when that fails at <see cref="Step.Else"/>.</summary>
        Try,

        Jump,
        Atomic,
        Look,
        Place,
        Match,
    }

    internal Step[] Program { get; }

    /// <summary>An expression that matches a text, whatever characters are in it.</summary>
    public static Expression ForText(string text) => new(new InOrder([.. text.EnumerateRunes().Select(rune => new OneOf(CodePointSet.Of(rune.Value)))]));

    /// <summary>An expression that matches one character out of a set.</summary>
    public static Expression ForSet(CodePointSet set) => new(new OneOf(set));

    /// <summary>An expression that matches runs of characters out of one set or out of the other.</summary>
    public static Expression ForRuns(CodePointSet one, CodePointSet other) => new(new EitherOf([Run(one), Run(other)]));

    /// <summary>Whether its matches behind a cut are the same whatever stands before: none reaches across, is empty, or looks back.</summary>
    public bool MatchesApartAt(WordCut cut) => _opening is not null && !_node.LooksBack && !_node.MaySpan(cut.Before, cut.Blank);

    /// <summary>Whether a match begins at the blank of a cut, across which none reaches.</summary>
    public bool BeginsAt(WordCut cut) => MatchesApartAt(cut) && _node.CertainEnds([cut.Blank, cut.After], 0).Any();

    /// <summary>The matches, one after the other. An empty one never stands where another has just ended.</summary>
    /// <exception cref="InvalidDataException">It takes too many steps.</exception>
    public void Matches(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        using var matcher = new ExpressionMatcher(text);
        var lastEnd = -1;
        for (var at = 0; at <= text.Length;)
        {
            var (start, end) = Find(in matcher, text, at);
            if (start < 0)
                return;
            if (start == end && end == lastEnd)
            {
                at = at < text.Length ? ExpressionMatcher.After(text, at) : at + 1;
                continue;
            }
            matches.Add((start, end));
            at = lastEnd = end;
        }
    }

    private static Repeated Run(CodePointSet set) => new(new OneOf(set), 1, int.MaxValue, IsLazy: false);

    private (int Start, int End) Find(ref readonly ExpressionMatcher matcher, ReadOnlySpan<char> text, int at)
    {
        while (at <= text.Length)
        {
            if (_opening is not null)
            {
                while (at < text.Length && !_opening.Contains(ExpressionMatcher.CodePoint(text, at)))
                    at = ExpressionMatcher.After(text, at);
                if (at == text.Length)
                    break;
            }
            var end = matcher.Run(Program, at);
            if (end >= 0)
                return (at, end);
            at = at < text.Length ? ExpressionMatcher.After(text, at) : at + 1;
        }
        return (-1, -1);
    }

    private void Compile(ExpressionNode node)
    {
        if (_steps.Count > LargestProgram)
            throw new FormatException("its repetitions make it too large");
        switch (node)
        {
            case OneOf one:
                _steps.Add(new Step(StepKind.One) { Set = one.Set });
                break;
            case InOrder order:
                foreach (var item in order.Items)
                    Compile(item);
                break;
            case EitherOf either:
                Compile(either.Items);
                break;
            case Atomic { Item: Repeated { Item: OneOf one, IsLazy: false } repeated }:
                _steps.Add(new Step(StepKind.ManyForGood) { Set = one.Set, Least = repeated.Least, Most = repeated.Most });
                break;
            case Repeated { Item: OneOf one, IsLazy: false } repeated:
                _steps.Add(new Step(StepKind.Many) { Set = one.Set, Least = repeated.Least, Most = repeated.Most });
                break;
            case Repeated repeated:
                Compile(repeated);
                break;
            case Atomic atomic:
                _steps.Add(new Step(StepKind.Atomic) { Inner = new Expression(atomic.Item).Program });
                break;
            case Look look:
                var behind = look.IsBehind ? look.Item.FixedLength!.Value : -1;
                _steps.Add(new Step(StepKind.Look) { Inner = new Expression(look.Item).Program, IsNegated = look.IsNegated, Behind = behind });
                break;
            case Place place:
                _steps.Add(new Step(StepKind.Place) { PlaceKind = place.Kind });
                break;
            default:
                throw new InvalidOperationException(node.GetType().Name);
        }
    }

    private void Compile(IReadOnlyList<ExpressionNode> alternatives)
    {
        var ends = new List<int>();
        for (var i = 0; i < alternatives.Count - 1; i++)
        {
            var choice = _steps.Count;
            var others = new EitherOf([.. alternatives.Skip(i + 1)]);
            _steps.Add(new Step(StepKind.Try) { To = choice + 1, Set = alternatives[i].Opening, ElseSet = others.Opening });
            Compile(alternatives[i]);
            ends.Add(_steps.Count);
            _steps.Add(new Step(StepKind.Jump));
            _steps[choice] = _steps[choice] with { Else = _steps.Count };
        }
        Compile(alternatives[^1]);
        foreach (var end in ends)
            _steps[end] = _steps[end] with { To = _steps.Count };
    }

    private void Compile(Repeated repeated)
    {
        for (var i = 0; i < repeated.Least; i++)
            Compile(repeated.Item);
        var choices = new List<int>();
        var isEndless = repeated.Most == int.MaxValue;
        for (var i = repeated.Least; i < repeated.Most; i++)
        {
            choices.Add(_steps.Count);
            _steps.Add(new Step(StepKind.Try));
            Compile(repeated.Item);
            if (isEndless)
            {
                _steps.Add(new Step(StepKind.Jump) { To = choices[^1] });
                break;
            }
        }
        foreach (var choice in choices)
        {
            var (inside, after) = (choice + 1, _steps.Count);
            _steps[choice] = repeated.IsLazy
                ? _steps[choice] with { To = after, Else = inside, ElseSet = repeated.Item.Opening }
                : _steps[choice] with { To = inside, Else = after, Set = repeated.Item.Opening };
        }
    }

    /// <summary>What a program does at one place; each kind has its own fields.</summary>
    internal sealed record Step(StepKind Kind)
    {
        /// <summary>The characters to take, or of a choice those without which <see cref="To"/> need not be tried.</summary>
        public CodePointSet? Set { get; init; }

        /// <summary>The characters without which <see cref="Else"/> need not be tried.</summary>
        public CodePointSet? ElseSet { get; init; }

        public int Least { get; init; }

        public int Most { get; init; }

        public int To { get; init; }

        public int Else { get; init; }

        public Step[] Inner { get; init; } = [];

        public bool IsNegated { get; init; }

        /// <summary>How many characters back the look begins; -1 for one ahead.</summary>
        public int Behind { get; init; } = -1;

        public PlaceKind PlaceKind { get; init; }
    }
}
