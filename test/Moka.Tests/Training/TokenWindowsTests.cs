using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

public class TokenWindowsTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(100)]
    public void Every_token_but_the_first_is_the_target_of_one_window(int count)
    {
        var windows = new TokenWindows(Enumerable.Range(0, count).ToArray(), 4);
        Assert.Equal(Enumerable.Range(0, count).Skip(1), windows.SelectMany(w => w.Ids[w.FirstTarget..]));
        Assert.All(windows, w => Assert.InRange(w.InputCount, 1, 4));
        Assert.All(windows.Take(windows.Count - 1), w => Assert.Equal(4, w.InputCount));
        Assert.Equal(windows.Count, windows.ToList().Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => windows[windows.Count]);
    }
}
