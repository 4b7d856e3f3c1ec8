namespace WebApp.Answers;

/// <summary>
/// A row as the model reads it. The choices are whatever the user typed, so they stand in the text, each behind a mark; what the model chooses from are the
/// marks.
/// </summary>
public sealed class QuestionRow
{
    /// <summary>What the model reads after the question and its choices, before it answers.</summary>
    public const string Template = "{text}\nAnswer:";

    public static IReadOnlyList<string> Marks { get; } = ["choice1", "choice2", "choice3", "choice4", "choice5"];

    public required string Text { get; init; }

    public required string[] Candidates { get; init; }

    /// <summary>The mark of the right choice: for training and tests.</summary>
    public string Label { get; init; } = "";

    public static QuestionRow Ask(string question, IReadOnlyList<string> choices, int? right = null)
    {
        var marked = choices.Select((choice, i) => $"\nChoice{i + 1}: {choice}");
        return new QuestionRow
        {
            Text = question + string.Concat(marked),
            Candidates = [.. Marks.Take(choices.Count)],
            Label = right is { } place ? Marks[place] : "",
        };
    }
}
