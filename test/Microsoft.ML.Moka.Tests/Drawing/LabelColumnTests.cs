using Microsoft.ML.Moka.Drawing;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Drawing;

public sealed class LabelColumnTests
{
    [Fact]
    public void Labels_with_room_stay_where_they_want_to_be() => Assert.Equal([50, 10, 90], LabelColumn.Place([50, 10, 90], 18, 0, 100));

    [Fact]
    public void Labels_that_touch_move_apart_around_their_middle() => Assert.Equal([41, 59], LabelColumn.Place([49, 51], 18, 0, 100));

    [Fact]
    public void Equal_wishes_keep_their_order() => Assert.Equal([10, 28, 46], LabelColumn.Place([28, 28, 28], 18, 0, 100));

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(11)]
    public void Labels_never_overlap_nor_leave_the_column_nor_change_order(int count)
    {
        for (var seed = 1ul; seed <= 50; seed++)
        {
            var wanted = new float[count];
            new SeededRandom(seed, "labels").FillUniform(wanted, 100);

            var places = LabelColumn.Place([.. wanted.Select(value => 100.0 + value)], 18, 0, 200);

            var ordered = Enumerable.Range(0, count).OrderBy(i => wanted[i]).Select(i => places[i]).ToList();
            Assert.All(ordered, place => Assert.InRange(place, -1e-9, 200 + 1e-9));
            Assert.All(ordered.Zip(ordered.Skip(1)), pair => Assert.True(pair.Second - pair.First >= 18 - 1e-9, $"{pair} with seed {seed}"));
        }
    }
}
