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

    /// <summary>Whether it looks at what stands before its match.</summary>
    public virtual bool LooksBack => false;

    /// <summary>Whether a match may have two characters one after the other: false is certain, true is not.</summary>
    public bool MaySpan(int before, int after) => Around(before, after).Both;

    /// <summary>The places up to which a match that begins with some characters may reach within them, for certain and whatever follows.</summary>
    /// <param name="codes">The characters.</param>
    /// <param name="from">Where it begins.</param>
    public abstract IEnumerable<int> CertainEnds(int[] codes, int from);

    /// <summary>Whether it may end with the first character, begin with the second, have both in a row, or be empty.</summary>
    internal abstract Neighbors Around(int before, int after);

    /// <summary>What is known of a part and two characters.</summary>
    internal readonly record struct Neighbors(bool IsEmpty, bool Ends, bool Begins, bool Both);
}

/// <summary>One character out of a set.</summary>
internal sealed record OneOf(CodePointSet Set) : ExpressionNode
{
    public override int LeastLength => 1;

    public override int? FixedLength => 1;

    public override CodePointSet First => Set;

    public override IEnumerable<int> CertainEnds(int[] codes, int from) => from < codes.Length && Set.Contains(codes[from]) ? [from + 1] : [];

    internal override Neighbors Around(int before, int after) => new(false, Set.Contains(before), Set.Contains(after), false);
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

    public override bool LooksBack => Items.Any(item => item.LooksBack);

    public override IEnumerable<int> CertainEnds(int[] codes, int from) =>
        Items.Aggregate((IEnumerable<int>)[from], (ends, item) => [.. ends.SelectMany(end => item.CertainEnds(codes, end)).Distinct()]);

    internal override Neighbors Around(int before, int after) => Items.Select(item => item.Around(before, after)).Aggregate(
        new Neighbors(true, false, false, false),
        (one, next) => new(
            one.IsEmpty && next.IsEmpty, next.Ends || (next.IsEmpty && one.Ends), one.Begins || (one.IsEmpty && next.Begins),
            one.Both || next.Both || (one.Ends && next.Begins)));
}

/// <summary>The first of several that leads to a match.</summary>
internal sealed record EitherOf(IReadOnlyList<ExpressionNode> Items) : ExpressionNode
{
    public override int LeastLength => Items.Min(item => item.LeastLength);

    public override int? FixedLength => Items.All(item => item.FixedLength == Items[0].FixedLength) ? Items[0].FixedLength : null;

    public override CodePointSet First => CodePointSet.Union(Items.Select(item => item.First));

    public override bool LooksBack => Items.Any(item => item.LooksBack);

    public override IEnumerable<int> CertainEnds(int[] codes, int from) => Items.SelectMany(item => item.CertainEnds(codes, from)).Distinct();

    internal override Neighbors Around(int before, int after)
    {
        var all = Items.Select(item => item.Around(before, after)).ToList();
        return new(all.Exists(one => one.IsEmpty), all.Exists(one => one.Ends), all.Exists(one => one.Begins), all.Exists(one => one.Both));
    }
}

/// <summary>The same several times; <paramref name="Most"/> may be <see cref="int.MaxValue"/>.</summary>
internal sealed record Repeated(ExpressionNode Item, int Least, int Most, bool IsLazy) : ExpressionNode
{
    public override int LeastLength => (int)Math.Min(int.MaxValue, (long)Item.LeastLength * Least);

    public override int? FixedLength => Least == Most ? Item.FixedLength * Least : null;

    public override CodePointSet First => Most == 0 ? CodePointSet.Empty : Item.First;

    public override bool LooksBack => Item.LooksBack;

    public override IEnumerable<int> CertainEnds(int[] codes, int from)
    {
        var reached = new HashSet<int>();
        List<int> ends = [from];
        // Beyond the characters there is nothing new.
        for (var times = 0; times <= Math.Min(Most, Least + (long)codes.Length) && ends.Count > 0; times++)
        {
            if (times >= Least)
                reached.UnionWith(ends);
            if (times < Most)
                ends = [.. ends.SelectMany(end => Item.CertainEnds(codes, end)).Distinct()];
        }
        return reached;
    }

    internal override Neighbors Around(int before, int after)
    {
        if (Most == 0)
            return new(true, false, false, false);
        var one = Item.Around(before, after);
        return one with { IsEmpty = one.IsEmpty || Least == 0, Both = one.Both || (Most > 1 && one.Ends && one.Begins) };
    }
}

/// <summary>Matches once and never otherwise: <c>(?&gt;x)</c>, and <c>x++</c>.</summary>
internal sealed record Atomic(ExpressionNode Item) : ExpressionNode
{
    public override bool LooksBack => Item.LooksBack;

    /// <summary>As many characters of a set as there are; of others it is not certain which way they take.</summary>
    public override IEnumerable<int> CertainEnds(int[] codes, int from)
    {
        if (Item is not Repeated { Item: OneOf one, IsLazy: false } repeated)
            return [];
        var end = from;
        while (end < codes.Length && end - from < repeated.Most && one.Set.Contains(codes[end]))
            end++;
        return end - from >= repeated.Least ? [end] : [];
    }

    internal override Neighbors Around(int before, int after) => Item.Around(before, after);

    public override int LeastLength => Item.LeastLength;

    public override int? FixedLength => Item.FixedLength;

    public override CodePointSet First => Item.First;
}

/// <summary>Looks at what follows, or stands before, and takes nothing.</summary>
internal sealed record Look(ExpressionNode Item, bool IsBehind, bool IsNegated) : ExpressionNode
{
    public override bool LooksBack => IsBehind || Item.LooksBack;

    public override IEnumerable<int> CertainEnds(int[] codes, int from) => [];

    internal override Neighbors Around(int before, int after) => new(true, false, false, false);

    public override int LeastLength => 0;

    public override int? FixedLength => 0;

    public override CodePointSet First => CodePointSet.Empty;
}

/// <summary>A place in the text.</summary>
internal sealed record Place(PlaceKind Kind) : ExpressionNode
{
    public override bool LooksBack => Kind is not (PlaceKind.TextEnd or PlaceKind.TextEndOrLastLineBreak);

    public override IEnumerable<int> CertainEnds(int[] codes, int from) => [];

    internal override Neighbors Around(int before, int after) => new(true, false, false, false);

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
