namespace Microsoft.ML.Moka.Text.Tokenizers.Expressions;

/// <summary>A part of an expression as it is written.</summary>
internal abstract record ExpressionNode
{
    /// <summary>The fewest characters that it matches.</summary>
    public abstract int LeastLength { get; }

    /// <summary>The number of characters that it matches; null where that differs.</summary>
    public abstract int? FixedLength { get; }

    /// <summary>The characters that its matches can begin with, as far as it matches any.</summary>
    public abstract CodePointSet First { get; }

    /// <summary>The characters that its matches can begin with; null where a match can be empty, so that anything can follow.</summary>
    public CodePointSet? Opening => LeastLength > 0 ? First : null;
}

/// <summary>One character out of a set.</summary>
internal sealed record OneOf(CodePointSet Set) : ExpressionNode
{
    public override int LeastLength => 1;

    public override int? FixedLength => 1;

    public override CodePointSet First => Set;
}

/// <summary>One after the other.</summary>
internal sealed record InOrder(IReadOnlyList<ExpressionNode> Items) : ExpressionNode
{
    public override int LeastLength => (int)Math.Min(int.MaxValue, Items.Sum(item => (long)item.LeastLength));

    public override int? FixedLength => Items.Aggregate((int?)0, (sum, item) => sum + item.FixedLength);

    public override CodePointSet First
    {
        get
        {
            var leading = Items.TakeWhile(item => item.LeastLength == 0).Count();
            return CodePointSet.Union(Items.Take(leading + 1).Select(item => item.First));
        }
    }
}

/// <summary>The first of several that leads to a match.</summary>
internal sealed record EitherOf(IReadOnlyList<ExpressionNode> Items) : ExpressionNode
{
    public override int LeastLength => Items.Min(item => item.LeastLength);

    public override int? FixedLength => Items.All(item => item.FixedLength == Items[0].FixedLength) ? Items[0].FixedLength : null;

    public override CodePointSet First => CodePointSet.Union(Items.Select(item => item.First));
}

/// <summary>The same several times; <paramref name="Most"/> may be <see cref="int.MaxValue"/>.</summary>
internal sealed record Repeated(ExpressionNode Item, int Least, int Most, bool IsLazy) : ExpressionNode
{
    public override int LeastLength => (int)Math.Min(int.MaxValue, (long)Item.LeastLength * Least);

    public override int? FixedLength => Least == Most ? Item.FixedLength * Least : null;

    public override CodePointSet First => Most == 0 ? CodePointSet.Empty : Item.First;
}

/// <summary>Matches once and never otherwise: <c>(?&gt;x)</c>, and <c>x++</c>.</summary>
internal sealed record Atomic(ExpressionNode Item) : ExpressionNode
{
    public override int LeastLength => Item.LeastLength;

    public override int? FixedLength => Item.FixedLength;

    public override CodePointSet First => Item.First;
}

/// <summary>Looks at what follows, or stands before, and takes nothing.</summary>
internal sealed record Look(ExpressionNode Item, bool IsBehind, bool IsNegated) : ExpressionNode
{
    public override int LeastLength => 0;

    public override int? FixedLength => 0;

    public override CodePointSet First => CodePointSet.Empty;
}

/// <summary>A place in the text.</summary>
internal sealed record Place(PlaceKind Kind) : ExpressionNode
{
    public override int LeastLength => 0;

    public override int? FixedLength => 0;

    public override CodePointSet First => CodePointSet.Empty;
}

internal enum PlaceKind
{
    TextStart,
    TextEnd,
    TextEndOrLastLineBreak,
    LineStart,
    LineEnd,
    WordEdge,
    NoWordEdge,
}
