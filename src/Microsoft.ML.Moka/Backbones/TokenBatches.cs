namespace Microsoft.ML.Moka.Backbones;

/// <summary>Sequences in the order in which they come, cut into batches for the backbone.</summary>
internal static class TokenBatches
{
    /// <summary>As many sequences at once as the budget holds; one that has more tokens is a batch of its own.</summary>
    public static IEnumerable<int[][]> Of(IReadOnlyList<int[]> sequences, int tokenBudget)
    {
        for (var start = 0; start < sequences.Count;)
        {
            var (count, tokens) = (0, 0);
            for (var next = start; next < sequences.Count && (count == 0 || tokens + sequences[next].Length <= tokenBudget); next++, count++)
                tokens += sequences[next].Length;
            yield return [.. sequences.Skip(start).Take(count)];
            start += count;
        }
    }
}
