using System.Text;

namespace Microsoft.ML.Moka.Text.Constraints;

/// <summary>A part of a grammar over bytes.</summary>
internal abstract class GrammarNode
{
    /// <summary>Nothing.</summary>
    public static GrammarNode Empty { get; } = new SequenceNode([]);

    /// <summary>The bytes of a text.</summary>
    public static GrammarNode Literal(string text) => Sequence([.. Encoding.UTF8.GetBytes(text).Select(value => Range(value, value))]);

    /// <summary>One byte of a range, both ends included.</summary>
    public static GrammarNode Range(int first, int last) => new ByteNode(value => value >= first && value <= last);

    /// <summary>One byte out of some ASCII letters.</summary>
    public static GrammarNode OneOf(string letters) => new ByteNode(value => letters.Contains((char)value, StringComparison.Ordinal));

    public static GrammarNode Sequence(params GrammarNode[] nodes) => new SequenceNode(nodes);

    public static GrammarNode Choice(params GrammarNode[] nodes) => new ChoiceNode(nodes);

    public static GrammarNode Optional(GrammarNode node) => Choice(node, Empty);

    /// <summary>Any number of times.</summary>
    public static GrammarNode Star(GrammarNode node)
    {
        var loop = new LateNode();
        loop.Target = Choice(Sequence(node, loop), Empty);
        return loop;
    }

    /// <summary>Up to so many times.</summary>
    public static GrammarNode UpTo(int most, GrammarNode node)
    {
        var all = Empty;
        for (var i = 0; i < most; i++)
            all = Optional(Sequence(node, all));
        return all;
    }
}

/// <summary>One byte.</summary>
internal sealed class ByteNode(Func<int, bool> allows) : GrammarNode
{
    private readonly bool[] _allowed = [.. Enumerable.Range(0, 256).Select(allows)];

    public bool Allows(byte value) => _allowed[value];
}

/// <summary>One after the other.</summary>
internal sealed class SequenceNode(GrammarNode[] nodes) : GrammarNode
{
    public IReadOnlyList<GrammarNode> Nodes => nodes;
}

/// <summary>One of several.</summary>
internal sealed class ChoiceNode(GrammarNode[] nodes) : GrammarNode
{
    public IReadOnlyList<GrammarNode> Nodes => nodes;
}

/// <summary>Stands for a node that is made later, so that a grammar can go in circles.</summary>
internal sealed class LateNode : GrammarNode
{
    public GrammarNode? Target { get; set; }
}
