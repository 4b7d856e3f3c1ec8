namespace Microsoft.ML.Moka;

/// <summary>How a model did on one task.</summary>
public sealed class BenchmarkTaskMetrics
{
    private const double NormalQuantile = 1.959963984540054;

    internal BenchmarkTaskMetrics(string task, string data, IReadOnlyList<BenchmarkAnswer> answers, double seconds, long tokens)
    {
        Task = task;
        Data = data;
        Answers = answers;
        Seconds = seconds;
        TokenCount = tokens;
        CorrectCount = answers.Count(answer => answer.IsCorrect);
        UnansweredCount = answers.Count(answer => answer.Predicted is null);
        CutPromptCount = answers.Count(answer => answer.PromptWasCut);
        if (answers.Count > 0 && answers.All(answer => answer.IsCorrectNormalized is not null))
            NormalizedAccuracy = answers.Count(answer => answer.IsCorrectNormalized == true) / (double)answers.Count;
        AccuracyInterval = Wilson(CorrectCount, answers.Count);
    }

    /// <summary>The task's name.</summary>
    public string Task { get; }

    /// <summary>How many questions were asked.</summary>
    public int RowCount => Answers.Count;

    /// <summary>How many answers are right.</summary>
    public int CorrectCount { get; }

    /// <summary>The share of questions that were answered right; an unanswered question is not.</summary>
    public double Accuracy => RowCount == 0 ? double.NaN : CorrectCount / (double)RowCount;

    /// <summary>The 95 % interval of the accuracy by Wilson's score.</summary>
    public (double Lower, double Upper) AccuracyInterval { get; }

    /// <summary>The accuracy if each choice's log-likelihood is divided by its length (acc_norm); null by protocols that do not score the choices' texts.</summary>
    public double? NormalizedAccuracy { get; }

    /// <summary>How many questions the model did not answer with a word that counts.</summary>
    public int UnansweredCount { get; }

    /// <summary>How many prompts were too long and lost their beginning.</summary>
    public int CutPromptCount { get; }

    /// <summary>The seconds that answering took, over all runs where it was interrupted.</summary>
    public double Seconds { get; }

    /// <summary>How many tokens went through the backbone; what several questions or answers begin with counts once.</summary>
    public long TokenCount { get; }

    /// <summary>Tokens per second.</summary>
    public double TokensPerSecond => Seconds > 0 ? TokenCount / Seconds : 0;

    /// <summary>The answers in the order of the questions.</summary>
    public IReadOnlyList<BenchmarkAnswer> Answers { get; }

    /// <summary>The hash of the file of questions, which are its first ones.</summary>
    internal string Data { get; }

    /// <summary>The score interval of E. B. Wilson (1927), which also holds near 0 and 1 and for few rows.</summary>
    internal static (double Lower, double Upper) Wilson(int correct, int count)
    {
        if (count == 0)
            return (0, 1);
        var (p, zz) = (correct / (double)count, NormalQuantile * NormalQuantile);
        var center = (p + zz / (2 * count)) / (1 + zz / count);
        var half = NormalQuantile / (1 + zz / count) * Math.Sqrt(p * (1 - p) / count + zz / (4.0 * count * count));
        return (Math.Max(0, center - half), Math.Min(1, center + half));
    }
}
