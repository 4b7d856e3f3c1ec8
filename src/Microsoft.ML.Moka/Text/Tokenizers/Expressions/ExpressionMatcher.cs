using System.Buffers;
using static Microsoft.ML.Moka.Text.Tokenizers.Expressions.Expression;

namespace Microsoft.ML.Moka.Text.Tokenizers.Expressions;

/// <summary>Runs programs on one text, by trying and going back. The steps that all its runs may take together grow with the text.</summary>
internal readonly ref struct ExpressionMatcher(ReadOnlySpan<char> text) : IDisposable
{
    private const long LeastBudget = 10_000_000;
    private const int BudgetPerCharacter = 1_000;

    private readonly ReadOnlySpan<char> _text = text;
    private readonly State _state = new(LeastBudget + (long)BudgetPerCharacter * text.Length);

    /// <summary>The end of the match that begins at a place; -1 where there is none.</summary>
    public int Run(Step[] program, int at)
    {
        var bottom = _state.Height;
        for (var next = 0; ;)
        {
            _state.Spend(1);
            var step = program[next];
            var failed = false;
            switch (step.Kind)
            {
                case StepKind.Match:
                    _state.Height = bottom;
                    return at;
                case StepKind.One:
                    failed = at >= _text.Length || !step.Set!.Contains(CodePoint(_text, at));
                    if (!failed)
                        at = After(_text, at);
                    next++;
                    break;
                case StepKind.Many or StepKind.ManyForGood:
                    at = TakeMany(step, at, next + 1, out failed);
                    next++;
                    break;
                case StepKind.Try:
                    next = Choose(step, at);
                    break;
                case StepKind.Jump:
                    next = step.To;
                    break;
                case StepKind.Atomic:
                    var end = Run(step.Inner, at);
                    failed = end < 0;
                    if (!failed)
                        at = end;
                    next++;
                    break;
                case StepKind.Look:
                    failed = IsSeen(step, at) == step.IsNegated;
                    next++;
                    break;
                default:
                    failed = !IsAt(step.PlaceKind, at);
                    next++;
                    break;
            }
            if (failed && !GoBack(bottom, ref next, ref at))
                return -1;
        }
    }

    public static int CodePoint(ReadOnlySpan<char> text, int at)
    {
        var unit = text[at];
        return char.IsHighSurrogate(unit) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? char.ConvertToUtf32(unit, text[at + 1]) : unit;
    }

    public static int After(ReadOnlySpan<char> text, int at) =>
        char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? at + 2 : at + 1;

    public void Dispose() => _state.Dispose();

    private static int Before(ReadOnlySpan<char> text, int at) =>
        at >= 2 && char.IsLowSurrogate(text[at - 1]) && char.IsHighSurrogate(text[at - 2]) ? at - 2 : at - 1;

    private int TakeMany(Step step, int at, int next, out bool failed)
    {
        var count = 0;
        var least = step.Least == 0 ? at : -1;
        while (count < step.Most && at < _text.Length && step.Set!.Contains(CodePoint(_text, at)))
        {
            at = After(_text, at);
            if (++count == step.Least)
                least = at;
        }
        _state.Spend(count);
        failed = count < step.Least;
        if (!failed && at > least && step.Kind == StepKind.Many)
            _state.Push(next, at, least);
        return at;
    }

    private int Choose(Step step, int at)
    {
        if ((step.Set is not null || step.ElseSet is not null) && at < _text.Length)
        {
            var code = CodePoint(_text, at);
            if (step.Set?.Contains(code) == false)
                return step.Else;
            if (step.ElseSet?.Contains(code) == false)
                return step.To;
        }
        _state.Push(step.Else, at, -1);
        return step.To;
    }

    private bool IsSeen(Step step, int at)
    {
        for (var back = 0; back < step.Behind; back++)
        {
            if (at == 0)
                return false;
            at = Before(_text, at);
        }
        return Run(step.Inner, at) >= 0;
    }

    private bool IsAt(PlaceKind place, int at) => place switch
    {
        PlaceKind.TextStart => at == 0,
        PlaceKind.TextEnd => at == _text.Length,
        PlaceKind.TextEndOrLastLineBreak => at == _text.Length || (at == _text.Length - 1 && _text[at] == '\n'),
        PlaceKind.LineStart => at == 0 || (_text[at - 1] == '\n' && at < _text.Length),
        PlaceKind.LineEnd => at == _text.Length || _text[at] == '\n',
        PlaceKind.WordEdge => IsWordBefore(at) != IsWordAt(at),
        _ => IsWordBefore(at) == IsWordAt(at),
    };

    private bool IsWordAt(int at) => at < _text.Length && NamedSets.LoneWord.Contains(CodePoint(_text, at));

    private bool IsWordBefore(int at) => at > 0 && IsWordAt(Before(_text, at));

    // The last choice: its other way, or one character less.
    private bool GoBack(int bottom, ref int next, ref int at)
    {
        if (_state.Height == bottom)
            return false;
        ref var choice = ref _state.Top;
        next = choice.Next;
        if (choice.Least < 0)
        {
            at = choice.At;
            _state.Height--;
            return true;
        }
        at = choice.At = Before(_text, choice.At);
        if (at <= choice.Least)
            _state.Height--;
        return true;
    }

    private struct Choice
    {
        public int Next;
        public int At;

        /// <summary>How far back <see cref="At"/> may go; -1 for a choice of another way.</summary>
        public int Least;
    }

    private sealed class State(long budget) : IDisposable
    {
        private Choice[] _choices = ArrayPool<Choice>.Shared.Rent(64);
        private long _budget = budget;

        public int Height { get; set; }

        public ref Choice Top => ref _choices[Height - 1];

        public void Push(int next, int at, int least)
        {
            if (Height == _choices.Length)
            {
                var larger = ArrayPool<Choice>.Shared.Rent(2 * Height);
                _choices.CopyTo(larger, 0);
                ArrayPool<Choice>.Shared.Return(_choices);
                _choices = larger;
            }
            _choices[Height++] = new Choice { Next = next, At = at, Least = least };
        }

        public void Spend(int steps)
        {
            if ((_budget -= steps) < 0)
            {
                throw new InvalidDataException(
                    "An expression of the tokenizer takes too many steps on a text: it goes back and forth over a long run of the same characters.");
            }
        }

        public void Dispose() => ArrayPool<Choice>.Shared.Return(_choices);
    }
}
