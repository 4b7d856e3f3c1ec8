namespace Microsoft.ML.Moka.Evaluation.Statistics;

/// <summary>Right answers against what the model answered.</summary>
/// <param name="Answers">The right answers: words, or places where each question has choices of its own.</param>
/// <param name="Predicted">
/// What the model answered: the right answers, words that are right nowhere, and last, where a question has none, <see cref="Unanswered"/>.
/// </param>
/// <param name="Counts">How often, a row for each right answer.</param>
internal sealed record Confusion(IReadOnlyList<string> Answers, IReadOnlyList<string> Predicted, IReadOnlyList<int[]> Counts)
{
    public const string Unanswered = "none";

    public static Confusion Of(IReadOnlyList<BenchmarkAnswer> answers)
    {
        var longest = answers.MaxBy(answer => answer.Candidates.Count)!.Candidates;
        // "answer1", "answer2" … mean the same in every row, also where a row has fewer.
        var sameWords = longest.Distinct().Count() == longest.Count
            && answers.All(answer => answer.Candidates.SequenceEqual(longest.Take(answer.Candidates.Count)));
        var pairs = answers.Select(answer => PlacesOf(answer, sameWords ? longest : answer.Candidates)).ToList();
        var names = sameWords ? longest : [.. longest.Select((_, i) => FormattableString.Invariant($"choice {i + 1}"))];

        var labels = pairs.Select(pair => pair.Label).Distinct().Order().ToList();
        var others = answers.Zip(pairs).Where(pair => pair.Second.Predicted == longest.Count).Select(pair => pair.First.Predicted!).Distinct()
            .Order(StringComparer.Ordinal).ToList();
        var columns = pairs.Select(pair => pair.Predicted).Where(place => place >= 0 && place < longest.Count).Concat(labels).Distinct().Order().ToList();
        List<string> predicted = [.. columns.Select(place => names[place]), .. others];
        if (answers.Any(answer => answer.Predicted is null))
            predicted.Add(Unanswered);

        var counts = labels.Select(_ => new int[predicted.Count]).ToList();
        foreach (var (answer, (label, place)) in answers.Zip(pairs))
        {
            var column = place < 0 ? predicted.Count - 1 : place < longest.Count ? columns.IndexOf(place) : columns.Count + others.IndexOf(answer.Predicted!);
            counts[labels.IndexOf(label)][column]++;
        }
        return new Confusion([.. labels.Select(place => names[place])], predicted, counts);

        // −1 for no answer, the number of words for a word that is none of them.
        (int Label, int Predicted) PlacesOf(BenchmarkAnswer answer, IReadOnlyList<string> words)
        {
            var place = answer.Predicted is null ? -1
                : answer.LogLikelihoods is { } scores ? Places(scores.Count).MaxBy(i => scores[i])
                : Places(words.Count).FirstOrDefault(i => words[i] == answer.Predicted, longest.Count);
            // Choices with the same text are told apart by what was counted as right.
            var label = answer.IsCorrect ? place : Places(words.Count).First(i => words[i] == answer.Label && i != place);
            return (label, place);
        }

        static IEnumerable<int> Places(int count) => Enumerable.Range(0, count);
    }
}
