namespace Microsoft.ML.Moka.Text.Constraints;

/// <summary>What has to come, the next first.</summary>
internal sealed class GrammarStack(GrammarNode top, GrammarStack? rest, int number)
{
    public GrammarNode Top => top;

    public GrammarStack? Rest => rest;

    /// <summary>Another one for every stack of a grammar.</summary>
    public int Number => number;
}

/// <summary>
/// The stacks of a grammar, each of which there is once: two are the same where they are one object, however deep a text is nested that they have to end.
/// </summary>
internal sealed class GrammarStacks
{
    private readonly Dictionary<(GrammarNode Top, GrammarStack? Below), GrammarStack> _all = [];

    public GrammarStack Of(GrammarNode top, GrammarStack? rest)
    {
        if (!_all.TryGetValue((top, rest), out var stack))
            _all.Add((top, rest), stack = new GrammarStack(top, rest, _all.Count));
        return stack;
    }
}
