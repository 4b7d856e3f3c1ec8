namespace Microsoft.ML.Moka.Text.Constraints;

/// <summary>Where a text stands in a grammar: all that may come next. States are made once, and remember what follows them.</summary>
internal sealed class GrammarState
{
    private readonly Dictionary<string, GrammarState> _known;
    private readonly GrammarStacks _all;
    private readonly IReadOnlyList<GrammarStack> _stacks;
    private readonly GrammarState?[] _next = new GrammarState?[256];
    private readonly bool[] _isComputed = new bool[256];

    private GrammarState(Dictionary<string, GrammarState> known, GrammarStacks all, IReadOnlyList<GrammarStack> stacks, bool mayEnd) =>
        (_known, _all, _stacks, MayEnd) = (known, all, stacks, mayEnd);

    /// <summary>Whether the text is whole here.</summary>
    public bool MayEnd { get; }

    /// <summary>Whether no text is allowed from here on.</summary>
    public bool AllowsNothing => !MayEnd && _stacks.Count == 0;

    /// <summary>Before the first byte.</summary>
    public static GrammarState Start(GrammarNode root)
    {
        var empty = new GrammarState(new Dictionary<string, GrammarState>(StringComparer.Ordinal), new GrammarStacks(), [], mayEnd: false);
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
        var closure = new Closure(_all);
        fill(closure);
        var key = string.Join(',', closure.Stacks.Select(stack => stack.Number)) + (closure.MayEnd ? "!" : "");
        if (!_known.TryGetValue(key, out var state))
            _known.Add(key, state = new GrammarState(_known, _all, closure.Stacks, closure.MayEnd));
        return state;
    }

    /// <summary>The bytes that may come next, each with what follows it.</summary>
    private sealed class Closure(GrammarStacks all)
    {
        private readonly HashSet<GrammarStack> _seen = [];
        private readonly HashSet<(LateNode Node, GrammarStack? Behind)> _passed = [];

        public List<GrammarStack> Stacks { get; } = [];

        public bool MayEnd { get; private set; }

        public void Continue(GrammarStack? rest)
        {
            if (rest is null)
                MayEnd = true;
            else
                Add(rest.Top, rest.Rest);
        }

        public void Add(GrammarNode node, GrammarStack? rest)
        {
            switch (node)
            {
                case SequenceNode { Nodes: var nodes }:
                    for (var i = nodes.Count - 1; i >= 0; i--)
                        rest = all.Of(nodes[i], rest);
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
                    var stack = all.Of(node, rest);
                    if (_seen.Add(stack))
                        Stacks.Add(stack);
                    break;
            }
        }
    }
}
