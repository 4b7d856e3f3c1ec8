using System.Diagnostics;

namespace WebApp.Answers;

/// <summary>A question that was accepted and waits to be scored.</summary>
/// <param name="Row">The question.</param>
/// <param name="Tokens">How much work it is.</param>
/// <param name="Dropped">Says that nobody waits for the answer any more.</param>
public sealed record PendingAnswer(QuestionRow Row, int Tokens, CancellationToken Dropped)
{
    private readonly TaskCompletionSource<Answer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _accepted = Stopwatch.GetTimestamp();

    /// <summary>The answer, when it is there; cancelled when nobody waits any more.</summary>
    public Task<Answer> Answer => _answer.Task.WaitAsync(Dropped);

    public TimeSpan Age => Stopwatch.GetElapsedTime(_accepted);

    public void Complete(Answer answer) => _answer.TrySetResult(answer);

    public void Fail(Exception error) => _answer.TrySetException(error);
}

/// <summary>What a model says of a question.</summary>
/// <param name="Model">The model's version.</param>
/// <param name="Probabilities">Of each choice.</param>
public sealed record Answer(string Model, float[] Probabilities);
