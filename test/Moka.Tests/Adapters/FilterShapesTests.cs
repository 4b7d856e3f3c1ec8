using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Adapters;

public sealed class FilterShapesTests
{
    [Theory]
    [InlineData(4096, 4096, "64x64/64x64 32x128/128x32 128x32/32x128 16x256/256x16 256x16/16x256")]
    [InlineData(1024, 4096, "32x64/32x64 16x128/64x32 64x32/16x128 8x256/128x16 128x16/8x256")]
    [InlineData(576, 576, "24x24/24x24 18x32/32x18 32x18/18x32 16x36/36x16 36x16/16x36")]
    public void The_default_shapes_are_the_cheapest_and_the_squarest(int rows, int columns, string expected) =>
        Assert.Equal(expected, string.Join(' ', FilterShapes.Choose(rows, columns, 5)));

    [Fact]
    public void Chosen_shapes_fit_every_map_and_differ_while_they_stay_cheap() =>
        Check(Sizes, map =>
        {
            var shapes = FilterShapes.Choose(map.Rows, map.Columns, 5);
            var cheapest = shapes.Min(Size);
            var distinct = shapes.Distinct().Count();
            return shapes.Count == 5
                && shapes.All(shape => shape.Rows == map.Rows && shape.Columns == map.Columns && Size(shape) <= 2 * cheapest)
                && Size(shapes[0]) == cheapest
                && (distinct == 5 || AllWithin(map, 2 * cheapest) == distinct);
        });

    [Fact]
    public void No_shape_is_cheaper_than_the_first_choice() =>
        Check(Sizes, map => AllWithin(map, Size(FilterShapes.Choose(map.Rows, map.Columns, 1)[0]) - 1) == 0);

    [Fact]
    public void Chosen_identities_divide_both_sides_and_differ() =>
        Check(Sizes, map =>
        {
            var sizes = FilterShapes.ChooseIdentities(map.Rows, map.Columns, 3);
            return sizes.Count >= 1 && sizes.All(size => map.Rows % size == 0 && map.Columns % size == 0) && sizes.Distinct().Count() == sizes.Count;
        });

    [Theory]
    [InlineData(4096, 4096, "64 128 32")]
    [InlineData(1024, 4096, "64 32 128")]
    [InlineData(7, 13, "1")]
    public void The_default_identities_are_the_nearest_to_the_fourth_root(int rows, int columns, string expected) =>
        Assert.Equal(expected, string.Join(' ', FilterShapes.ChooseIdentities(rows, columns, 3)));

    [Fact]
    public void A_shape_that_does_not_factor_is_answered_with_the_nearest_that_does()
    {
        var map = new MapShape("model.layers.3.self_attn.k_proj", 1024, 4096, 3);

        var error = Assert.Throws<ArgumentException>(() => FilterShapes.Of(map, 60, 100));
        Assert.Contains("60x100", error.Message);
        Assert.Contains("model.layers.3.self_attn.k_proj", error.Message);
        Assert.Contains("1024x4096", error.Message);
        Assert.Contains("64x128", error.Message);
        Assert.Contains("1x4096", Assert.Throws<ArgumentException>(() => FilterShapes.Of(map, 0, int.MaxValue)).Message);
        Assert.Contains("nearest that fits is 32", Assert.Throws<ArgumentException>(() => FilterShapes.WithIdentity(map, 40)).Message);
    }

    private static Gen<MapShape> Sizes =>
        from rows in Gen.OneOf(Gen.Choose(1, 300), Gen.Choose(1, 40).Select(i => 64 * i))
        from columns in Gen.OneOf(Gen.Choose(1, 300), Gen.Choose(1, 40).Select(i => 64 * i))
        select new MapShape("map", rows, columns, 0);

    private static void Check(Gen<MapShape> maps, Func<MapShape, bool> holds) =>
        FsCheck.Check.One(Properties.Settings, Prop.ForAll(maps.ToArbitrary(), holds));

    private static long Size(FilterShape shape) => (long)shape.LeftRows * shape.LeftColumns + (long)shape.RightRows * shape.RightColumns;

    private static int AllWithin(MapShape map, long size) => (
        from leftRows in Enumerable.Range(1, map.Rows).Where(divisor => map.Rows % divisor == 0)
        from leftColumns in Enumerable.Range(1, map.Columns).Where(divisor => map.Columns % divisor == 0)
        where Size(new FilterShape(leftRows, leftColumns, map.Rows / leftRows, map.Columns / leftColumns)) <= size
        select leftRows).Count();
}
