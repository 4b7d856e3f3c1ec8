using System.Text.RegularExpressions;
using EverydayWorld;

namespace Microsoft.ML.Moka.Tests.EverydayWorld;

public class WorldTests
{
    private static readonly World Default = new();

    [Fact]
    public void The_same_seed_gives_the_same_world_and_another_seed_another()
    {
        static string Tell(World world) =>
            string.Join('\n', world.Things.Select(thing => $"{thing.Name} {thing.Part} {string.Join(' ', Relation.All.Select(relation => thing[relation]))}"));

        Assert.Equal(Tell(new World(3)), Tell(new World(3)));
        Assert.NotEqual(Tell(new World(3)), Tell(new World(4)));
    }

    [Fact]
    public void Text_and_questions_are_drawn_by_seed()
    {
        static string Tell(int seed)
        {
            return string.Join('\n', Quizzes(seed, 20).Append(new Narrator(Default, seed).Story()).Select(passage => passage.Text));
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
    public void Profiles_name_the_four_values_of_a_thing()
    {
        var narrator = new Narrator(Default, 1);
        var profiles = Enumerable.Range(0, 50).SelectMany(_ => narrator.Profiles().Text.TrimEnd(';').Split("; ")).Select(profile => profile.Split(' '))
            .ToList();

        Assert.All(profiles, words => Assert.Equal(Relation.All.Select(relation => Find(words[0])[relation]).Order(), words[1..].Order()));
    }

    [Fact]
    public void Quizzes_in_the_pretraining_text_speak_of_the_pretraining_part_alone()
    {
        var asked = Words(Quizzes(1, 1000).Select(quiz => quiz.Text));
        Assert.All(Default.ThingsOf(Part.Pretraining), thing => Assert.Contains(thing.Name, asked));
        Assert.DoesNotContain(Default.Things, thing => thing.Part != Part.Pretraining && asked.Contains(thing.Name));
    }

    [Fact]
    public void The_pretraining_text_has_none_of_the_forms_that_tuning_and_tests_use()
    {
        var text = string.Join('\n', Quizzes(1, 1000).Select(quiz => quiz.Text));
        Assert.All(["Options:", "Answer", "answer", "Solution", "solution", "Ending", "ending", "Option", "option", "true", "false", "instruction"], word =>
            Assert.DoesNotContain(word, text, StringComparison.Ordinal));
    }

    [Fact]
    public void Quizzes_are_answered_truly()
    {
        var quizmaster = new Quizmaster(Default, Part.Pretraining, 2);
        var checks = Enumerable.Range(0, 300).SelectMany(_ => Regex.Matches(quizmaster.Checks().Text, @"The (\w+) is made of (\w+)( yes| no)?\? (yes|no),"))
            .ToList();
        var verdicts = Enumerable.Range(0, 100).SelectMany(_ => quizmaster.Verdicts().Text.TrimEnd(';').Split("; ")).ToList();

        Assert.True(checks.Count > 10);
        Assert.All(checks, check =>
            Assert.Equal(Find(check.Groups[1].Value)[Relation.Material] == check.Groups[2].Value ? "yes" : "no", check.Groups[4].Value));
        Assert.All(checks.Where(check => check.Groups[3].Length > 0), check => Assert.Equal(" " + check.Groups[4].Value, check.Groups[3].Value));
        foreach (var (thing, claims) in verdicts.Select(verdict => verdict.Split(": ")).Select(parts => (Find(parts[0]), parts[1].Split(", "))))
            Assert.All(claims.Select(claim => claim.Split(' ')), claim =>
                Assert.Equal(Relation.All.Any(relation => thing[relation] == claim[0]) ? "yes" : "no", claim[1]));
    }

    [Fact]
    public void Marks_name_the_choice_that_belongs_to_what_is_asked()
    {
        var quizmaster = new Quizmaster(Default, Part.Pretraining, 2);
        const string Pattern = @"The (?<query>\w+) is made of(?: (?<mark>[A-E1-5])[:.)]? (?:\w+ )*?(?<option>wood|metal|glass|cloth|clay)\.?(?: yes| no)?)+" +
            @" Pick: (?<answer>\w),";
        var choices = Enumerable.Range(0, 3000).SelectMany(_ => Regex.Matches(quizmaster.Choices().Text, Pattern)).ToList();
        var picks = Enumerable.Range(0, 100)
            .SelectMany(_ => Regex.Matches(quizmaster.Picks().Text, @"(?<query>\w{2,})(?: (?<mark>[A-E1-5]) (?<option>\w+)(?: yes| no)?)+: ?(?<answer>\w),"))
                .ToList();
        var lookups = Enumerable.Range(0, 100)
            .SelectMany(i => Lookups(i % 2 == 0 ? quizmaster.ValueLookups(isPlain: true) : quizmaster.ThingLookups(isPlain: true))).ToList();

        Assert.True(choices.Count > 10 && picks.Count == 700 && lookups.Count > 800, $"{choices.Count} {picks.Count} {lookups.Count}");
        foreach (var quiz in choices.Concat(picks).Concat(lookups))
        {
            var query = quiz.Groups["query"].Value;
            var shown = quiz.Groups["mark"].Captures.Zip(quiz.Groups["option"].Captures, (mark, option) => (Mark: mark.Value, Option: option.Value)).ToList();
            Assert.Equal(quiz.Groups["answer"].Value, Assert.Single(shown, one => Belongs(query, one.Option)).Mark);
        }

        static IEnumerable<Match> Lookups(Passage passage)
        {
            var (listed, asked) = (passage.Text.Split(';')[0], passage.Text.Split(';')[1]);
            return Regex.Matches(asked, @"(\w{2,}?) ?([A-E1-5]),")
                .Select(query =>
                    Regex.Match($"{query.Groups[1].Value}{listed}:{query.Groups[2].Value},",
                        @"^(?<query>\w{2,})(?: (?<mark>[A-E1-5]) (?<option>\w+))+:(?<answer>\w),"));
        }

        static bool Belongs(string query, string option) =>
            query == option
                || Relation.All.Any(relation =>
                    Default.Things.Any(thing => (thing.Name == query && thing[relation] == option) || (thing.Name == option && thing[relation] == query)));
    }

    [Fact]
    public void Copies_ask_for_what_is_listed()
    {
        var quizmaster = new Quizmaster(Default, Part.Pretraining, 3);
        foreach (var text in Enumerable.Range(0, 50).Select(_ => quizmaster.ThingLookups(isPlain: true, areCopies: true).Text.Split(';')))
            Assert.All(Regex.Matches(text[1], @"[a-z]+"), word => Assert.Contains($" {word.Value}", text[0], StringComparison.Ordinal));
    }

    private static Thing Find(string name) => Default.Things.Single(thing => thing.Name == name);

    private static IEnumerable<Passage> Quizzes(int seed, int count)
    {
        var quizmaster = new Quizmaster(Default, Part.Pretraining, seed);
        for (var i = 0; i < count; i++)
        {
            yield return quizmaster.Asks();
            yield return quizmaster.Verdicts();
            yield return quizmaster.Checks();
            yield return quizmaster.ValueLookups(isPlain: i % 2 == 0);
            yield return quizmaster.ThingLookups(isPlain: i % 2 == 0);
            yield return quizmaster.Picks();
            yield return quizmaster.Choices();
            yield return quizmaster.FramedChoice();
            yield return quizmaster.FramedCheck();
        }
    }

    internal static HashSet<string> Words(IEnumerable<string> texts) => [.. texts.SelectMany(text => Regex.Matches(text, @"\w+").Select(match => match.Value))];
}
