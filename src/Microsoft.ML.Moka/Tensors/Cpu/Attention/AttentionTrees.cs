namespace Microsoft.ML.Moka.Tensors.Cpu.Attention;

/// <summary>Parts of a layout that share no row of k and v, a prompt with the answers that continue it: their gradients can be computed side by side.</summary>
internal static class AttentionTrees
{
    /// <summary>The spans, grouped, in the layout's order.</summary>
    public static List<List<AttentionSpan>> Split(IReadOnlyList<AttentionSpan> spans)
    {
        var parent = new int[spans.Count];
        var ranges = new List<(int Start, int End, int Span)>();
        for (var i = 0; i < spans.Count; i++)
        {
            parent[i] = i;
            ranges.Add((spans[i].Key, spans[i].Key + spans[i].Length, i));
            foreach (var range in spans[i].Context)
                ranges.Add((range.Start, range.Start + range.Length, i));
        }
        ranges.RemoveAll(r => r.Start == r.End);
        ranges.Sort();
        var (end, last) = (0, -1);
        foreach (var range in ranges)
        {
            if (last >= 0 && range.Start < end)
                parent[Root(parent, range.Span)] = Root(parent, last);
            (end, last) = (Math.Max(end, range.End), range.Span);
        }
        var trees = new Dictionary<int, List<AttentionSpan>>();
        for (var i = 0; i < spans.Count; i++)
        {
            var root = Root(parent, i);
            if (!trees.TryGetValue(root, out var tree))
                trees.Add(root, tree = []);
            tree.Add(spans[i]);
        }
        return [.. trees.Values];
    }

    private static int Root(int[] parent, int span)
    {
        while (parent[span] != span)
            span = parent[span] = parent[parent[span]];
        return span;
    }
}
