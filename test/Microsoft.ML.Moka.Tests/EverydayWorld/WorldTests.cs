using System.Text.RegularExpressions;
using EverydayWorld;

namespace Microsoft.ML.Moka.Tests.EverydayWorlds;

public class WorldTests
{
    private static readonly World Default = new();

    [Fact]
    public void The_same_seed_gives_the_same_world_and_another_seed_another()
    {
        static string Tell(World world) => string.Join('\n', world.Things.Select(thing => $"{thing.Name} {thing.Part} {string.Join(' ', Relation.All.Select(relation => thing[relation]))}"));

        Assert.Equal(Tell(new World(3)), Tell(new World(3)));
        Assert.NotEqual(Tell(new World(3)), Tell(new World(4)));
    }

    [Fact]
    public void Text_and_questions_are_drawn_by_seed()
    {
        static string Tell(int seed)
        {
            var narrator = new Narrator(Default, seed);
            return string.Join('\n', Quizzes(narrator, 20).Append(narrator.Story()).Select(passage => passage.Text));
        }

        Assert.Equal(Tell(5), Tell(5));
        Assert.NotEqual(Tell(5), Tell(6));
        var questions = new BenchmarkQuestions(Default, Part.Test);
        Assert.Equal(questions.Rows(BenchmarkForm.Piqa, 40, 5), questions.Rows(BenchmarkForm.Piqa, 40, 5));
        Assert.NotEqual(questions.Rows(BenchmarkForm.Piqa, 40, 5), questions.Rows(BenchmarkForm.Piqa, 40, 6));
    }

    [Fact]
    public void The_parts_share_no_thing_and_every_name_is_one_word_used_once()
    {
        Assert.Equal(Default.Things.Count, Default.Things.Select(thing => thing.Name).Distinct().Count());
        Assert.Equal(Default.Things.Count, Enum.GetValues<Part>().Sum(part => Default.ThingsOf(part).Count));
        Assert.All(Enum.GetValues<Part>(), part => Assert.True(Default.ThingsOf(part).Count >= 80));
        var values = Relation.All.SelectMany(relation => relation.Values).ToHashSet();
        Assert.All(Default.Things, thing => Assert.Matches("^[a-z]+$", thing.Name));
        Assert.DoesNotContain(Default.Things, thing => values.Contains(thing.Name));
    }

    [Fact]
    public void Every_value_is_true_of_equally_many_things_of_each_part()
    {
        foreach (var part in Enum.GetValues<Part>())
            foreach (var relation in Relation.All)
            {
                var counts = relation.Values.Select(value => Default.ThingsOf(part).Count(thing => thing[relation] == value)).ToArray();
                Assert.True(counts.Length >= 4 && counts.Max() - counts.Min() <= 1, $"{part} {relation}: {string.Join(' ', counts)}");
            }
    }

    [Fact]
    public void The_pretraining_text_tells_every_fact_and_tells_it_truly()
    {
        var narrator = new Narrator(Default, 1);
        var told = Enumerable.Range(0, 12_000).SelectMany(_ => Regex.Split(narrator.Story().Text, @"(?<=\.) ")).ToHashSet();
        foreach (var thing in Default.Things)
            foreach (var relation in Relation.All)
                foreach (var value in relation.Values)
                {
                    var sentences = relation.Statements.Select(wording => string.Format(null, wording, thing.Name, value)).ToArray();
                    Assert.Equal(thing[relation] == value, sentences.Any(told.Contains));
                }
    }

    [Fact]
    public void Quizzes_in_the_pretraining_text_speak_of_the_pretraining_part_alone()
    {
        var narrator = new Narrator(Default, 1);
        var asked = Words(Quizzes(narrator, 1000).Select(quiz => quiz.Text));
        Assert.All(Default.ThingsOf(Part.Pretraining), thing => Assert.Contains(thing.Name, asked));
        Assert.DoesNotContain(Default.Things, thing => thing.Part != Part.Pretraining && asked.Contains(thing.Name));
    }

    [Fact]
    public void The_pretraining_text_has_none_of_the_forms_that_tuning_and_tests_use()
    {
        var narrator = new Narrator(Default, 1);
        var text = string.Join('\n', Quizzes(narrator, 1000).Select(quiz => quiz.Text));
        Assert.All(["Options:", "Answer", "answer", "Solution", "Ending", "Option", "true", "false"], word => Assert.DoesNotContain(word, text, StringComparison.Ordinal));
    }

    [Fact]
    public void None_is_right_where_the_right_value_is_not_shown()
    {
        var narrator = new Narrator(Default, 3);
        var choices = Enumerable.Range(0, 300).SelectMany(_ => Regex.Matches(narrator.Choices().Text, @"The (\w+) is made of((?: \w \w+)+) Pick: (\w),")).ToList();
        var none = choices.Where(choice => choice.Groups[2].Value.Contains($" {choice.Groups[3].Value} none", StringComparison.Ordinal)).ToList();

        Assert.True(none.Count > 5);
        Assert.All(none, choice => Assert.DoesNotContain(" " + Make(choice.Groups[1].Value), choice.Groups[2].Value, StringComparison.Ordinal));
    }

    [Fact]
    public void Quizzes_are_answered_truly()
    {
        var narrator = new Narrator(Default, 2);
        var verdicts = Enumerable.Range(0, 300).SelectMany(_ => Regex.Matches(narrator.Checks().Text, @"The (\w+) is made of (\w+)\? (yes|no),")).ToList();

        Assert.True(verdicts.Count > 10);
        Assert.All(verdicts, verdict => Assert.Equal(Make(verdict.Groups[1].Value) == verdict.Groups[2].Value ? "yes" : "no", verdict.Groups[3].Value));
    }

    [Fact]
    public void Marks_name_the_right_choice()
    {
        var narrator = new Narrator(Default, 2);
        var choices = Enumerable.Range(0, 300).SelectMany(_ => Regex.Matches(narrator.Choices().Text, @"The (\w+) is made of((?: \w \w+)+) Pick: (\w),")).ToList();

        var shown = choices.Where(choice => choice.Groups[2].Value.Contains(" " + Make(choice.Groups[1].Value), StringComparison.Ordinal)).ToList();
        Assert.True(shown.Count > 10);
        Assert.All(shown, choice => Assert.Contains($" {choice.Groups[3].Value} {Make(choice.Groups[1].Value)}", choice.Groups[2].Value, StringComparison.Ordinal));
    }

    private static string Make(string thing) => Default.Things.Single(one => one.Name == thing)[Relation.Material];

    private static IEnumerable<Passage> Quizzes(Narrator narrator, int count)
    {
        for (var i = 0; i < count; i++)
        {
            yield return narrator.Checks();
            yield return narrator.Asks();
            yield return narrator.Choices();
        }
    }

    internal static HashSet<string> Words(IEnumerable<string> texts) => [.. texts.SelectMany(text => Regex.Matches(text, @"\w+").Select(match => match.Value))];
}
