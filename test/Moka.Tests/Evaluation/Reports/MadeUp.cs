namespace Microsoft.ML.Moka.Tests.Evaluation.Reports;

/// <summary>Evaluations whose answers a test chooses.</summary>
internal static class MadeUp
{
    private static readonly string[] Words = ["answer1", "answer2", "answer3"];

    /// <summary>A word with its probability among three.</summary>
    public static BenchmarkAnswer Likeliest(int label, int predicted, double probability)
    {
        var scores = Words.Select((_, i) => Math.Log(i == predicted ? probability : (1 - probability) / (Words.Length - 1))).ToArray();
        return new BenchmarkAnswer
        {
            Label = Words[label],
            Predicted = Words[predicted],
            IsCorrect = label == predicted,
            Candidates = Words,
            LogLikelihoods = scores,
        };
    }

    public static BenchmarkAnswer Written(int label, string? predicted) =>
        new()
        {
            Label = Words[label],
            Predicted = predicted,
            IsCorrect = predicted == Words[label],
            Candidates = Words,
            Output = predicted ?? "I do not know.",
        };

    /// <summary>Right and wrong ones: "1101".</summary>
    public static IReadOnlyList<BenchmarkAnswer> Answers(string outcomes) =>
        [.. outcomes.Select((outcome, i) => outcome == '-' ? Written(i % 2, null) : Likeliest(i % 2, outcome == '1' ? i % 2 : 2, 0.8))];

    public static BenchmarkTaskMetrics Task(string name, IReadOnlyList<BenchmarkAnswer> answers, string data = "sha256:0", double seconds = 2) =>
        new(name, data, answers, seconds, 100 * answers.Count);

    public static BenchmarkMetrics Metrics(string model, params BenchmarkTaskMetrics[] tasks) => Metrics(model, new LikelihoodProtocol(), tasks);

    public static BenchmarkMetrics Metrics(string model, EvaluationProtocol protocol, params BenchmarkTaskMetrics[] tasks)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["backbone"] = "sha256:abc",
            ["prompt"] = "Alpaca",
            ["adapters"] = $"of {model}",
        };
        foreach (var task in tasks)
            settings[$"data of {task.Task}"] = $"{task.Data}, {task.RowCount} rows";
        return new BenchmarkMetrics(model, protocol, settings, tasks) { Template = PromptTemplate.Alpaca };
    }
}
