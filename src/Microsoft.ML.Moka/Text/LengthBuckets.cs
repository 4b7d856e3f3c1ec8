using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Text;

/// <summary>Puts examples into batches of similar lengths under a budget of tokens, or of rows, in a new order every epoch.</summary>
internal static class LengthBuckets
{
    /// <summary>So many batches' worth of examples are sorted together: enough for similar lengths, few enough for mixed batches.</summary>
    private const int BatchesPerPool = 16;

    /// <summary>The batches of one epoch as indices of examples, every example once. The same seed and epoch give the same batches.</summary>
    /// <param name="lengths">How many tokens each example has.</param>
    /// <param name="tokenBudget">The most tokens of a batch; a longer example is a batch of its own.</param>
    /// <param name="seed">The seed of the run.</param>
    /// <param name="epoch">The number of the epoch.</param>
    /// <param name="mostRows">The most examples of a batch; null for as many as the tokens allow.</param>
    public static int[][] Plan(IReadOnlyList<int> lengths, int tokenBudget, ulong seed, int epoch, int? mostRows = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokenBudget);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(mostRows ?? 1, nameof(mostRows));
        var budget = new Budget(tokenBudget, mostRows ?? int.MaxValue);
        var random = new SeededRandom(seed, $"epoch {epoch}");
        var order = Enumerable.Range(0, lengths.Count).ToArray();
        random.Shuffle<int>(order);

        var batches = Pack(SortInPools(order, lengths, budget), lengths, budget).ToArray();
        random.Shuffle<int[]>(batches);
        return batches;
    }

    // Every other pool descends, so that lengths are similar where two pools meet and no batch has to end there.
    private static IEnumerable<int> SortInPools(int[] order, IReadOnlyList<int> lengths, Budget budget)
    {
        var ascends = true;
        for (var start = 0; start < order.Length; ascends = !ascends)
        {
            var end = start;
            for (long tokens = 0; end < order.Length && !budget.Fills(tokens, end - start, BatchesPerPool); end++)
                tokens += lengths[order[end]];
            var pool = order[start..end];
            foreach (var index in ascends ? pool.OrderBy(index => lengths[index]) : pool.OrderByDescending(index => lengths[index]))
                yield return index;
            start = end;
        }
    }

    private static IEnumerable<int[]> Pack(IEnumerable<int> order, IReadOnlyList<int> lengths, Budget budget)
    {
        var batch = new List<int>();
        long tokens = 0;
        foreach (var index in order)
        {
            if (batch.Count > 0 && (batch.Count == budget.Rows || tokens + lengths[index] > budget.Tokens))
            {
                yield return [.. batch];
                batch.Clear();
                tokens = 0;
            }
            batch.Add(index);
            tokens += lengths[index];
        }
        if (batch.Count > 0)
            yield return [.. batch];
    }
    /// <summary>The most that a batch may have.</summary>
    private readonly record struct Budget(int Tokens, int Rows)
    {
        /// <summary>Whether so much is enough for a number of batches.</summary>
        public bool Fills(long tokens, long rows, int batches) => tokens >= (long)batches * Tokens || rows >= (long)batches * Rows;
    }
}
