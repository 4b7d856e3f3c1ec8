namespace Microsoft.ML.Moka;

/// <summary>Where an evaluation stands after a batch of questions.</summary>
public sealed record BenchmarkProgress
{
    /// <summary>The name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>The task that is being answered.</summary>
    public required string Task { get; init; }

    /// <summary>How many of the task's questions are answered.</summary>
    public required int Row { get; init; }

    /// <summary>How many questions of the task are to be answered.</summary>
    public required int Rows { get; init; }

    /// <summary>How many questions of all tasks are answered, those of an earlier run among them.</summary>
    public required long TotalRow { get; init; }

    /// <summary>How many questions of all tasks are to be answered.</summary>
    public required long TotalRows { get; init; }

    /// <summary>The accuracy on the task's questions so far.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Tokens per second in this run.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>The time that is left at this run's pace.</summary>
    public required TimeSpan TimeLeft { get; init; }
}
