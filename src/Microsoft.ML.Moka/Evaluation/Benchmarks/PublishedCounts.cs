namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>Tells whether a test set is the published one.</summary>
internal static class PublishedCounts
{
    /// <summary>How the counts differ from the published ones; null where they do not.</summary>
    public static string? Difference(BenchmarkTask task, int rows, IReadOnlyDictionary<string, int> labels)
    {
        if (rows != task.TestRowCount)
            return FormattableString.Invariant($"{task.Name} has {rows:N0} rows; the published test set has {task.TestRowCount:N0}");
        var differing = task.TestLabelCounts.Where(count => labels.GetValueOrDefault(count.Key) != count.Value)
            .OrderBy(count => count.Key, StringComparer.Ordinal).ToList();
        var texts = differing.Select(count =>
            FormattableString.Invariant($"{labels.GetValueOrDefault(count.Key):N0} times '{count.Key}' (published: {count.Value:N0})"));
        return differing.Count == 0 ? null : $"{task.Name} has {string.Join(", ", texts)} as the right answer";
    }
}
