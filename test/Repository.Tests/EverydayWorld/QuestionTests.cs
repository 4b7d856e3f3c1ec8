using System.Text.Json;
using System.Text.RegularExpressions;
using EverydayWorld;

namespace Microsoft.ML.Moka.Tests.EverydayWorld;

public class QuestionTests
{
    private static readonly World Default = new();

    public static TheoryData<BenchmarkForm> Forms => [.. Enum.GetValues<BenchmarkForm>()];

    [Theory]
    [InlineData(Part.Training)]
    [InlineData(Part.Test)]
    public void Direct_questions_ask_about_their_part_in_balanced_classes(Part part)
    {
        foreach (var relation in Relation.All)
        {
            var questions = DirectQuestions.About(Default, part, 1, relation);
            Assert.Equal(Default.ThingsOf(part).Count, questions.Distinct().Count());
            var counts = questions.CountBy(question => question.Label).Select(count => count.Value).ToArray();
            Assert.True(counts.Length >= 4 && counts.Max() - counts.Min() <= 1);
            Assert.All(questions, question =>
                Assert.Contains(Default.ThingsOf(part), thing =>
                    question.Text.Contains(thing.Name, StringComparison.Ordinal) && thing[relation] == question.Label));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Test_questions_are_about_things_that_no_training_asks_about(BenchmarkForm form)
    {
        var trained = WorldTests.Words(new BenchmarkQuestions(Default, Part.Training).Rows(form, 300, 1).Select(row => row.Instruction)
            .Concat(DirectQuestions.About(Default, Part.Training, 1, Relation.All).Select(question => question.Text)));
        var tested = WorldTests.Words(new BenchmarkQuestions(Default, Part.Test).Rows(form, 300, 1).Select(row => row.Instruction)
            .Concat(DirectQuestions.About(Default, Part.Test, 1, Relation.All).Select(question => question.Text)));

        Assert.DoesNotContain(Default.ThingsOf(Part.Test), thing => trained.Contains(thing.Name));
        Assert.DoesNotContain(Default.ThingsOf(Part.Training), thing => tested.Contains(thing.Name));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Rows_of_the_benchmark_forms_differ_and_their_answers_are_balanced(BenchmarkForm form)
    {
        var rows = new BenchmarkQuestions(Default, Part.Training).Rows(form, 240, 2);

        Assert.Equal(240, rows.Distinct().Count());
        Assert.All(rows, row => Assert.Equal($"the correct answer is {row.Answer}", row.Output));
        Assert.All(rows, row => Assert.Contains(row.Answer, AnswerFormat(row.Instruction)));
        Assert.Single(rows.Select(row => string.Join('/', AnswerFormat(row.Instruction))).Distinct());
        Assert.Single(rows.CountBy(row => row.Answer).Select(count => count.Value).Distinct());
        Assert.Equal(AnswerFormat(rows[0].Instruction).Length, rows.Select(row => row.Answer).Distinct().Count());
    }

    [Fact]
    public void The_right_option_is_the_true_one()
    {
        foreach (var row in new BenchmarkQuestions(Default, Part.Test).Rows(BenchmarkForm.ArcEasy, 200, 3))
        {
            var thing = Default.ThingsOf(Part.Test).Single(thing => WorldTests.Words([row.Instruction]).Contains(thing.Name));
            var relation =
                Relation.All.Single(relation => row.Instruction.Contains(string.Format(null, relation.Question, thing.Name), StringComparison.Ordinal));
            var options = Regex.Matches(row.Instruction, @"Answer(\d): (\w+)")
                .ToDictionary(match => "answer" + match.Groups[1].Value, match => match.Groups[2].Value);
            Assert.Equal(thing[relation], options[row.Answer]);
            Assert.Equal(options.Count, options.Values.Distinct().Count());
        }
    }

    [Fact]
    public void Of_the_two_things_for_a_blank_one_fits()
    {
        foreach (var row in new BenchmarkQuestions(Default, Part.Test).Rows(BenchmarkForm.WinoGrande, 100, 3))
        {
            var match = Regex.Match(row.Instruction, @"something made of (\w+) and takes the _\.\n\nOption1: (\w+) Option2: (\w+) Answer format");
            if (!match.Success)
                continue;
            bool Fits(int group) => Default.Things.Single(thing => thing.Name == match.Groups[group].Value)[Relation.Material] == match.Groups[1].Value;
            Assert.Equal(row.Answer == "option1", Fits(2));
            Assert.Equal(row.Answer == "option2", Fits(3));
        }
    }

    [Fact]
    public void Asking_for_more_rows_than_there_are_is_refused() =>
        Assert.Contains(
            "fewer", Assert.Throws<ArgumentException>(() => new BenchmarkQuestions(Default, Part.Test).Rows(BenchmarkForm.BoolQ, 100_000, 1)).Message,
            StringComparison.Ordinal);

    /// <summary>The words before the first option and the option marks are those of the published rows.</summary>
    [Theory]
    [Trait("Category", "Material")]
    [InlineData(BenchmarkForm.BoolQ, "boolq")]
    [InlineData(BenchmarkForm.Piqa, "piqa")]
    [InlineData(BenchmarkForm.SocialIQa, "social_i_qa")]
    [InlineData(BenchmarkForm.HellaSwag, "hellaswag")]
    [InlineData(BenchmarkForm.WinoGrande, "winogrande")]
    [InlineData(BenchmarkForm.ArcEasy, "ARC-Easy")]
    [InlineData(BenchmarkForm.ArcChallenge, "ARC-Challenge")]
    [InlineData(BenchmarkForm.OpenBookQa, "openbookqa")]
    public void Rows_have_the_frame_of_the_published_ones(BenchmarkForm form, string folder)
    {
        var file = Directory.GetFiles(Material.Require($"benchmarks/{folder}"), "test*.json").First();
        using var published = JsonDocument.Parse(File.ReadAllText(file));
        var frames = published.RootElement.EnumerateArray().Select(row => Frame(row.GetProperty("instruction").GetString()!)).ToHashSet();

        var rows = new BenchmarkQuestions(Default, Part.Test).Rows(form, 50, 4);

        Assert.All(rows, row => Assert.Contains(Frame(row.Instruction), frames));
    }

    // The instruction with everything but the fixed words taken out.
    private static string Frame(string instruction)
    {
        var start = Regex.Match(instruction, "^[^:]*: ").Value;
        var marks = Regex.Matches(instruction[start.Length..], @"(\n\n|(?<=\S) )(Solution|Answer|Ending|Option)\d: ?").Select(match => match.Value.TrimEnd());
        var end = Regex.Match(instruction, @"(\n\n| )Answer format: .*$").Value;
        return start + string.Concat(marks) + end;
    }

    private static string[] AnswerFormat(string instruction) => instruction[(instruction.LastIndexOf(": ", StringComparison.Ordinal) + 2)..].Split('/');
}
