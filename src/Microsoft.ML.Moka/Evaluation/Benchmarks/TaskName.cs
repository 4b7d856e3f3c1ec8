namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>Compares names of tasks. Papers, folders and other programs write one task as "ARC-Easy", "arc_easy" or "arc easy".</summary>
internal static class TaskName
{
    // What lm-evaluation-harness puts before MMLU's subjects and groups.
    private const string MmluPrefix = "mmlu";

    /// <summary>The name without what writers differ in.</summary>
    public static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    /// <summary>Whether somebody who says <paramref name="wanted"/> means a task or, of MMLU, its group.</summary>
    public static bool Means(string wanted, BenchmarkSource source)
    {
        var plain = Plain(wanted);
        if (plain == Plain(source.Name) || (source.Task is not null && source.Task == BenchmarkTask.Find(wanted)))
            return true;
        if (source is not MmluSource)
            return false;
        var subject = plain.StartsWith(MmluPrefix, StringComparison.Ordinal) ? plain[MmluPrefix.Length..] : plain;
        return subject.Length == 0 || subject == Plain(source.Name) || (MmluGroups.Of(source.Name) is { } group && subject == Plain(group));
    }
}
