namespace WebApp.Answers;

/// <summary>What is asked: the body of POST /api/answers.</summary>
public sealed record AnswerRequest(string? Question, IReadOnlyList<string?>? Choices);

/// <summary>How likely each choice is.</summary>
/// <param name="Model">The version of the model that said so.</param>
/// <param name="Best">The place of the likeliest choice, counted from 0.</param>
/// <param name="Choices">In the order of the request.</param>
public sealed record AnswerResponse(string Model, int Best, IReadOnlyList<ScoredChoice> Choices);

public sealed record ScoredChoice(string Text, float Probability);
