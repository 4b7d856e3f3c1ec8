namespace Microsoft.ML.Moka.Drawing;

/// <summary>Places labels in a column so that they do not overlap and stay as near as they can to what they name.</summary>
internal static class LabelColumn
{
    /// <summary>
    /// Positions in the order of <paramref name="wanted"/>, at least <paramref name="distance"/> apart and, where all have room, between <paramref name="least"/>
    /// and <paramref name="most"/>: labels that would touch are moved apart as a block around where they want to be.
    /// </summary>
    public static double[] Place(IReadOnlyList<double> wanted, double distance, double least, double most)
    {
        var order = Enumerable.Range(0, wanted.Count).OrderBy(i => wanted[i]).ToList();
        var blocks = new List<(double Sum, int Count)>();
        foreach (var i in order)
        {
            blocks.Add((wanted[i], 1));
            // The mean of what a block's members want, each less its offset, is where the block's first stands.
            while (blocks.Count > 1 && Start(blocks[^2]) + distance * blocks[^2].Count > Start(blocks[^1]))
            {
                var (upper, lower) = (blocks[^2], blocks[^1]);
                blocks.RemoveAt(blocks.Count - 1);
                blocks[^1] = (upper.Sum + lower.Sum - lower.Count * upper.Count * distance, upper.Count + lower.Count);
            }
        }
        var places = new double[wanted.Count];
        var next = 0;
        foreach (var block in blocks)
            for (var j = 0; j < block.Count; j++)
                places[order[next++]] = Start(block) + j * distance;
        return places;

        double Start((double Sum, int Count) block) => Math.Max(least, Math.Min(most - (block.Count - 1) * distance, block.Sum / block.Count));
    }
}
