using CompareAdapters;

namespace Microsoft.ML.Moka.Tests.CompareAdapters;

/// <summary>Facts that have nothing to do with each other, which are to be remembered.</summary>
public sealed class FactTests
{
    [Fact]
    public void Facts_are_the_same_every_time_and_no_two_of_one_name()
    {
        var (facts, again) = (Questions.OfFacts(64), Questions.OfFacts(64));

        Assert.True(facts.IsMemory);
        Assert.Equal(facts.Train.Select(fact => (fact.Text, fact.Label)), again.Train.Select(fact => (fact.Text, fact.Label)));
        Assert.Equal(64, facts.Train.Select(fact => fact.Text).Distinct().Count());
        Assert.Equal(8, facts.Words.Count);
        Assert.All(facts.Train.CountBy(fact => fact.Label), colour => Assert.Equal(8, colour.Value));
        Assert.Equal(1.0 / 8, facts.Majority);
        // All of them are trained on, tried and scored.
        Assert.All([facts.Fitting, facts.Validation, facts.Test], rows => Assert.Same(facts.Train, rows));
    }

    [Fact]
    public void Trials_of_facts_are_runs_and_what_cannot_take_part_is_left_out()
    {
        var said = new List<string>();
        var settings = new Settings
        {
            Quantization = BackboneQuantization.NF4,
            Methods = ["lora", "loftq"],
            Targets = ["q_proj"],
            Budgets = [2000],
            Rates = [0.01f],
            Seeds = 2,
            Epochs = 1,
            BatchTokens = 256,
        };

        var result = new Comparison(settings, Questions.OfFacts(8), said.Add).Run();

        var contestant = Assert.Single(result.Contestants);
        Assert.Equal("lora", contestant.Contestant.Name);
        Assert.Same(contestant.Trials[0].Validation[0], contestant.Runs[0]);
        Assert.Same(contestant.Trials[0].Validation[1], contestant.Runs[1]);
        Assert.Contains("InitialValues is LoftQ", Assert.Single(result.Refused), StringComparison.Ordinal);
        Assert.Contains("8 facts to remember", ResultTable.Of(result), StringComparison.Ordinal);
    }
}
