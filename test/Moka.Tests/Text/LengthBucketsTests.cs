using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

public class LengthBucketsTests
{
    [Fact]
    public void Every_example_comes_once_and_every_batch_keeps_to_the_budget()
    {
        var lengths = Gen.Choose(1, 300).ListOf().Select(list => list.ToArray());
        FsCheck.Check.One(Properties.Settings.WithMaxTest(300).WithEndSize(2000), Prop.ForAll(
            lengths.ToArbitrary(), Gen.Choose(1, 1000).ToArbitrary(), Gen.Choose(0, 5).ToArbitrary(), (lengths, budget, epoch) =>
            {
                var batches = LengthBuckets.Plan(lengths, budget, seed: 7, epoch);
                return batches.SelectMany(batch => batch).Order().SequenceEqual(Enumerable.Range(0, lengths.Length))
                    && batches.All(batch => batch.Length == 1 || batch.Sum(index => lengths[index]) <= budget);
            }));
    }

    [Fact]
    public void The_same_seed_and_epoch_give_the_same_batches_and_others_give_others()
    {
        var lengths = Lengths(500);
        Assert.Equal(LengthBuckets.Plan(lengths, 400, 3, 1), LengthBuckets.Plan(lengths, 400, 3, 1));
        Assert.NotEqual(LengthBuckets.Plan(lengths, 400, 3, 1), LengthBuckets.Plan(lengths, 400, 3, 2));
        Assert.NotEqual(LengthBuckets.Plan(lengths, 400, 3, 1), LengthBuckets.Plan(lengths, 400, 4, 1));
    }

    [Fact]
    public void Lengths_within_a_batch_are_similar()
    {
        var lengths = Lengths(4000);
        var spread = LengthBuckets.Plan(lengths, 800, 1, 0).Average(batch => batch.Max(index => lengths[index]) - batch.Min(index => lengths[index]));
        // Drawn at random, the spread within such a batch is around 100.
        Assert.InRange(spread, 0, 15);
    }

    [Fact]
    public void Batches_are_nearly_full()
    {
        var lengths = Lengths(4000);
        var batches = LengthBuckets.Plan(lengths, 800, 1, 0);
        Assert.InRange(batches.Length, 0, (int)(1.1 * lengths.Sum() / 800));
    }

    [Fact]
    public void Long_and_short_batches_come_mixed()
    {
        var lengths = Lengths(4000);
        var means = LengthBuckets.Plan(lengths, 800, 1, 0).Select(batch => batch.Average(index => lengths[index])).ToArray();
        Assert.InRange(means.Take(means.Length / 2).Average() / means.Skip(means.Length / 2).Average(), 0.8, 1.25);
    }

    [Fact]
    public void Every_batch_keeps_to_the_number_of_rows_as_well()
    {
        var lengths = Lengths(770);
        var batches = LengthBuckets.Plan(lengths, 100_000, 1, 0, mostRows: 16);
        // As many batches as the rows need and no more, each example once.
        Assert.Equal(49, batches.Length);
        Assert.All(batches, batch => Assert.InRange(batch.Length, 1, 16));
        Assert.Equal(Enumerable.Range(0, 770), batches.SelectMany(batch => batch).Order());

        var both = LengthBuckets.Plan(lengths, 400, 1, 0, mostRows: 4);
        Assert.All(both, batch => Assert.True(batch.Length <= 4 && batch.Sum(index => lengths[index]) <= 400));
        Assert.Contains(both, batch => batch.Length < 4);
    }

    [Fact]
    public void Rows_that_limit_the_batches_also_limit_what_is_sorted_together()
    {
        // Else a generous budget of tokens would sort the whole epoch, and the same rows would meet in every epoch.
        var lengths = Enumerable.Range(0, 2000).ToArray();
        var (first, second) = (LengthBuckets.Plan(lengths, 10_000_000, 1, 0, mostRows: 8), LengthBuckets.Plan(lengths, 10_000_000, 1, 1, mostRows: 8));
        var together = first.SelectMany(batch => batch.Zip(batch.Skip(1))).ToHashSet();
        Assert.InRange(second.SelectMany(batch => batch.Zip(batch.Skip(1))).Count(together.Contains), 0, together.Count / 5);
    }

    [Fact]
    public void Nothing_makes_no_batch_and_no_budget_is_refused()
    {
        Assert.Empty(LengthBuckets.Plan([], 10, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LengthBuckets.Plan([1], 0, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LengthBuckets.Plan([1], 10, 0, 0, mostRows: 0));
    }

    private static int[] Lengths(int count) => [.. Enumerable.Range(0, count).Select(i => 5 + (i * 7919 % 120))];
}
