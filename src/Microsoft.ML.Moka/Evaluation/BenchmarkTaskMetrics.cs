using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka;

/// <summary>How a model did on one task.</summary>
public sealed class BenchmarkTaskMetrics
{
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
        if (answers.Any(answer => answer.IsCorrectNormalized is not null))
            NormalizedAccuracy = answers.Count(answer => answer.IsCorrectNormalized == true) / (double)answers.Count;
        var interval = Interval.OfShare(CorrectCount, answers.Count);
        AccuracyInterval = (interval.Lower, interval.Upper);
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

    /// <summary>
    /// The accuracy if each choice's log-likelihood is divided by its length (acc_norm); null by protocols that do not score the choices' texts.
    /// </summary>
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

    /// <summary>Whether it is a subject of MMLU.</summary>
    internal bool IsMmlu { get; init; }

    /// <summary>The hash of the file of questions, which are its first ones.</summary>
    internal string Data { get; }
}
