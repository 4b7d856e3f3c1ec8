using WebApp.Models;

namespace WebApp.Answers;

/// <summary>What a request must be like; everything that is wrong is said at once.</summary>
internal static class RequestCheck
{
    private const int AnswerTokens = 16;

    /// <returns>What is wrong, by field; empty where the request is fine.</returns>
    public static Dictionary<string, string[]> Run(AnswerRequest request, QuestionModel model, ServingOptions options, out QuestionRow row, out int tokens)
    {
        var errors = new Dictionary<string, string[]>();
        var choices = request.Choices ?? [];
        (row, tokens) = (QuestionRow.Ask("", []), 0);
        if (string.IsNullOrWhiteSpace(request.Question))
            errors["question"] = ["Write a question."];
        if (choices.Count < 2 || choices.Count > model.MaximumChoices)
            errors["choices"] = [$"Give 2 to {model.MaximumChoices} choices."];
        else if (choices.Any(string.IsNullOrWhiteSpace))
            errors["choices"] = ["Write something in every choice."];
        else if (choices.Distinct(StringComparer.Ordinal).Count() < choices.Count)
            errors["choices"] = ["Two choices are the same."];
        if (errors.Count > 0)
            return errors;
        row = QuestionRow.Ask(request.Question!, choices.Select(choice => choice!).ToList());
        tokens = model.CountTokens(row.Text);
        var most = Math.Min(options.MaximumPromptTokens, model.MaximumTokens - AnswerTokens);
        if (tokens > most)
            errors["question"] = [$"The question with its choices has {tokens} tokens; {most} is the most. Make it shorter."];
        return errors;
    }
}
