using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Tests.Evaluation.Reports;

public sealed class ConfusionTests
{
    [Fact]
    public void Unanswered_questions_and_words_that_are_right_nowhere_have_columns_of_their_own()
    {
        var confusion = Confusion.Of(
            [MadeUp.Written(0, "answer1"), MadeUp.Written(0, "answer3"), MadeUp.Written(1, null), MadeUp.Written(1, "answer5"), MadeUp.Written(1, "answer5")]);

        Assert.Equal(["answer1", "answer2"], confusion.Answers);
        Assert.Equal(["answer1", "answer2", "answer3", "answer5", "none"], confusion.Predicted);
        Assert.Equal([1, 0, 1, 0, 0], confusion.Counts[0]);
        Assert.Equal([0, 0, 0, 2, 1], confusion.Counts[1]);
    }

    [Fact]
    public void Rows_with_fewer_answers_have_the_same_words()
    {
        var answers = new[]
        {
            new BenchmarkAnswer { Label = "answer1", Predicted = "answer2", IsCorrect = false, Candidates = ["answer1", "answer2"], LogLikelihoods = [-2, -1] },
            new BenchmarkAnswer
            {
                Label = "answer4",
                Predicted = "answer1",
                IsCorrect = false,
                Candidates = ["answer1", "answer2", "answer3", "answer4"],
                LogLikelihoods = [-1, -2, -3, -4],
            },
        };

        var confusion = Confusion.Of(answers);

        Assert.Equal(["answer1", "answer4"], confusion.Answers);
        Assert.Equal(["answer1", "answer2", "answer4"], confusion.Predicted);
    }

    [Fact]
    public void Choices_of_their_own_are_counted_by_their_places()
    {
        BenchmarkAnswer Choice(string[] texts, int label, int predicted) => new()
        {
            Label = texts[label], Predicted = texts[predicted], IsCorrect = label == predicted, Candidates = texts,
            LogLikelihoods = [.. texts.Select((_, i) => i == predicted ? -1.0 : -2.0)],
        };

        // The last question has the same text twice.
        var confusion = Confusion.Of([Choice(["a bell", "a boat"], 0, 1), Choice(["red", "blue"], 1, 1), Choice(["yes", "yes"], 1, 0)]);

        Assert.Equal(["choice 1", "choice 2"], confusion.Answers);
        Assert.Equal([0, 1], confusion.Counts[0]);
        Assert.Equal([1, 1], confusion.Counts[1]);
    }

    [Fact]
    public void Every_answer_is_counted_once_and_right_ones_stand_on_the_diagonal()
    {
        var random = new Random(1);
        for (var round = 0; round < 300; round++)
        {
            var answers = Enumerable.Range(0, random.Next(1, 12)).Select(_ => Any(random, round % 3)).ToList();

            var confusion = Confusion.Of(answers);

            Assert.Equal(answers.Count, confusion.Counts.Sum(row => row.Sum()));
            Assert.All(confusion.Counts, row => Assert.Equal(confusion.Predicted.Count, row.Length));
            Assert.Equal(answers.Count(answer => answer.IsCorrect),
                confusion.Answers.Select((answer, row) => confusion.Counts[row][confusion.Predicted.ToList().IndexOf(answer)]).Sum());
            Assert.Equal(
                answers.Count(answer => answer.Predicted is null), confusion.Predicted[^1] == Confusion.Unanswered ? confusion.Counts.Sum(row => row[^1]) : 0);
        }
    }

    // Answer words, choices of their own, or what was written: with more or fewer candidates, and some texts twice.
    private static BenchmarkAnswer Any(Random random, int kind)
    {
        string[] candidates = [.. Enumerable.Range(1, random.Next(2, 6)).Select(i => kind == 1 ? $"text {random.Next(4)}" : $"answer{i}")];
        var label = random.Next(candidates.Length);
        if (kind == 2)
        {
            var word = random.Next(3) == 0 ? null : $"answer{random.Next(1, 7)}";
            return new BenchmarkAnswer
            {
                Label = candidates[label],
                Predicted = word,
                IsCorrect = word == candidates[label],
                Candidates = candidates,
                Output = word,
            };
        }
        var predicted = random.Next(candidates.Length);
        double[] scores = [.. candidates.Select((_, i) => i == predicted ? -1.0 : -2 - random.NextDouble())];
        return new BenchmarkAnswer
        {
            Label = candidates[label],
            Predicted = candidates[predicted],
            IsCorrect = label == predicted,
            Candidates = candidates,
            LogLikelihoods = scores,
        };
    }
}
