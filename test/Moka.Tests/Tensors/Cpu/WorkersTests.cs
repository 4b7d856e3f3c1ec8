using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

public sealed class WorkersTests
{
    [Fact]
    public void TheAppMaySayHowManyThreadsThereAre()
    {
        Assert.Equal(Environment.ProcessorCount, Workers.ThreadsBy(null));
        Assert.Equal(3, Workers.ThreadsBy(3));
        Assert.Equal(12, Workers.ThreadsBy("12"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData("0")]
    [InlineData("many")]
    [InlineData("1.5")]
    [InlineData(2.0)]
    public void ASettingThatIsNoNumberOfThreadsIsNamed(object setting)
    {
        var error = Assert.Throws<InvalidOperationException>(() => Workers.ThreadsBy(setting));
        Assert.Contains("Microsoft.ML.Moka.Threads", error.Message, StringComparison.Ordinal);
    }
}
