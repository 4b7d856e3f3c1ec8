using EverydayWorld;

namespace Microsoft.ML.Moka.Tests.EverydayWorld;

public class DiceTests
{
    [Fact]
    public void Neighbouring_seeds_give_unrelated_sequences()
    {
        static int[] Rolls(long seed)
        {
            var dice = new Dice(seed);
            return [.. Enumerable.Range(0, 200).Select(_ => dice.Roll(1000))];
        }

        for (var shift = -3; shift <= 3; shift++)
            Assert.True(Rolls(7).Skip(3 + shift).Zip(Rolls(8).Skip(3)).Count(pair => pair.First == pair.Second) < 10);
        Assert.Equal(Rolls(7), Rolls(7));
    }

    [Fact]
    public void Every_side_comes_up_about_equally_often()
    {
        var dice = new Dice(1);
        var counts = new int[6];
        for (var i = 0; i < 6000; i++)
            counts[dice.Roll(6)]++;
        Assert.All(counts, count => Assert.InRange(count, 850, 1150));
    }
}
