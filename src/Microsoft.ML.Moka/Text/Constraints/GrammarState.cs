namespace Microsoft.ML.Moka.Text.Constraints;

/// <summary>Where a text stands in a grammar: all that may come next. States are made once, and remember what follows them.</summary>
internal sealed class GrammarState
{
    private readonly Dictionary<string, GrammarState> _known;
    private readonly Dictionary<GrammarNode, int> _numbers;
    private readonly IReadOnlyList<Stack> _stacks;
    private readonly GrammarState?[] _next = new GrammarState?[256];
    private readonly bool[] _isComputed = new bool[256];

    private GrammarState(Dictionary<string, GrammarState> known, Dictionary<GrammarNode, int> numbers, IReadOnlyList<Stack> stacks, bool mayEnd) =>
        (_known, _numbers, _stacks, MayEnd) = (known, numbers, stacks, mayEnd);

    /// <summary>Whether the text is whole here.</summary>
    public bool MayEnd { get; }

    /// <summary>Whether no text is allowed from here on.</summary>
    public bool AllowsNothing => !MayEnd && _stacks.Count == 0;

    /// <summary>Before the first byte.</summary>
    public static GrammarState Start(GrammarNode root)
    {
        var empty = new GrammarState(new Dictionary<string, GrammarState>(StringComparer.Ordinal), [], [], mayEnd: false);
        return empty.Of(closure => closure.Add(root, null));
    }

    /// <summary>After a byte; null where the grammar does not allow it.</summary>
    public GrammarState? After(byte value)
    {
        if (!_isComputed[value])
        {
            var allowing = _stacks.Where(stack => ((ByteNode)stack.Top).Allows(value)).ToList();
            _next[value] = allowing.Count == 0 ? null : Of(closure => allowing.ForEach(stack => closure.Continue(stack.Rest)));
            _isComputed[value] = true;
        }
        return _next[value];
    }

    private GrammarState Of(Action<Closure> fill)
    {
        var closure = new Closure();
        fill(closure);
        var key = string.Join(';', closure.Stacks.Select(KeyOf)) + (closure.MayEnd ? "!" : "");
        if (!_known.TryGetValue(key, out var state))
            _known.Add(key, state = new GrammarState(_known, _numbers, closure.Stacks, closure.MayEnd));
        return state;
    }

    private string KeyOf(Stack stack)
    {
        var numbers = new List<int>();
        for (var rest = stack; rest is not null; rest = rest.Rest)
        {
            if (!_numbers.TryGetValue(rest.Top, out var number))
                _numbers.Add(rest.Top, number = _numbers.Count);
            numbers.Add(number);
        }
        return string.Join(',', numbers);
    }

    /// <summary>What has to come, the next first.</summary>
    private sealed record Stack(GrammarNode Top, Stack? Rest);

    /// <summary>The bytes that may come next, each with what follows it.</summary>
    private sealed class Closure
    {
        private readonly HashSet<Stack> _seen = [];
        private readonly HashSet<(LateNode Node, Stack? Behind)> _passed = [];

        public List<Stack> Stacks { get; } = [];

        public bool MayEnd { get; private set; }

        public void Continue(Stack? rest)
        {
            if (rest is null)
                MayEnd = true;
            else
                Add(rest.Top, rest.Rest);
        }

        public void Add(GrammarNode node, Stack? rest)
        {
            switch (node)
            {
                case SequenceNode { Nodes: var nodes }:
                    for (var i = nodes.Count - 1; i >= 0; i--)
                        rest = new Stack(nodes[i], rest);
                    Continue(rest);
                    break;
                case ChoiceNode { Nodes: var nodes }:
                    foreach (var one in nodes)
                        Add(one, rest);
                    break;
                case LateNode late:
                    // What leads back to itself before a byte has come allows no more than what it leads to besides.
                    if (_passed.Add((late, rest)))
                        Add(late.Target!, rest);
                    break;
                default:
                    var stack = new Stack(node, rest);
                    if (_seen.Add(stack))
                        Stacks.Add(stack);
                    break;
            }
        }
    }
}
