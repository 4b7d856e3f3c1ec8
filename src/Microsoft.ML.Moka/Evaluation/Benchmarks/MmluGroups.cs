namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>The groups of MMLU's 57 subjects, as lm-evaluation-harness has them (lm_eval/tasks/mmlu: _generate_configs.py).</summary>
internal static class MmluGroups
{
    private static readonly Dictionary<string, string[]> Subjects = new(StringComparer.Ordinal)
    {
        ["humanities"] =
        [
            "formal logic", "high school european history", "high school us history", "high school world history", "international law",
            "jurisprudence", "logical fallacies", "moral disputes", "moral scenarios", "philosophy", "prehistory", "professional law",
            "world religions",
        ],
        ["social sciences"] =
        [
            "econometrics", "high school geography", "high school government and politics", "high school macroeconomics",
            "high school microeconomics", "high school psychology", "human sexuality", "professional psychology", "public relations",
            "security studies", "sociology", "us foreign policy",
        ],
        ["STEM"] =
        [
            "abstract algebra", "anatomy", "astronomy", "college biology", "college chemistry", "college computer science", "college mathematics",
            "college physics", "computer security", "conceptual physics", "electrical engineering", "elementary mathematics", "high school biology",
            "high school chemistry", "high school computer science", "high school mathematics", "high school physics", "high school statistics",
            "machine learning",
        ],
        ["other"] =
        [
            "business ethics", "clinical knowledge", "college medicine", "global facts", "human aging", "management", "marketing",
            "medical genetics", "miscellaneous", "nutrition", "professional accounting", "professional medicine", "virology",
        ],
    };

    private static readonly Dictionary<string, string> GroupOf =
        Subjects.SelectMany(group => group.Value.Select(subject => KeyValuePair.Create(TaskName.Plain(subject), group.Key)))
            .ToDictionary(StringComparer.Ordinal);

    /// <summary>The names of the groups.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Subjects.Keys];

    /// <summary>The group of a subject; null for a subject of somebody's own.</summary>
    public static string? Of(string subject) => GroupOf.GetValueOrDefault(TaskName.Plain(subject));
}
