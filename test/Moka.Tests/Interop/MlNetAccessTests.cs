using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Tests.Interop;

public sealed class MlNetAccessTests
{
    [Fact]
    public void TheEnvironmentOfACatalogLogsToItsContext()
    {
        var ml = new MLContext(seed: 7);
        var messages = new List<LoggingEventArgs>();
        ml.Log += (_, e) => messages.Add(e);
        var env = MlNetAccess.EnvironmentOf(ml.MulticlassClassification.Trainers);
        using (var channel = env.Register("Moka").Start("Training"))
            channel.Info(MessageSensitivity.None, "step {0}", 3);
        var info = Assert.Single(messages, m => m.Kind == ChannelMessageKind.Info);
        Assert.Equal("[Source=Moka; Training, Kind=Info] step 3", info.Message);
        Assert.Equal("step 3", info.RawMessage);
        Assert.Equal(7, MlNetAccess.SeedOf(env));
    }

    [Fact]
    public void TheChoiceOfTheGpuReachesTheHosts()
    {
        var ml = new MLContext();
        var env = MlNetAccess.EnvironmentOf(ml.MulticlassClassification.Trainers);
        Assert.Null(MlNetAccess.GpuDeviceIdOf(env));
        ml.GpuDeviceId = 3;
        ml.FallbackToCpu = true;
        var host = env.Register("Moka");
        Assert.Equal(3, MlNetAccess.GpuDeviceIdOf(host));
        Assert.True(MlNetAccess.FallbackToCpuOf(host));
        ml.FallbackToCpu = false;
        Assert.False(MlNetAccess.FallbackToCpuOf(env));
    }

    [Fact]
    public void CancellationReachesTheHostsAndIsThereToStay()
    {
        var ml = new MLContext();
        var env = MlNetAccess.EnvironmentOf(ml.MulticlassClassification.Trainers);
        var host = env.Register("Moka");
        Assert.False(MlNetAccess.IsCanceled(host));
        Cancel(ml);
        Assert.True(MlNetAccess.IsCanceled(host));
        Assert.True(MlNetAccess.IsCanceled(env.Register("Later")));
    }

    [Fact]
    public void AColumnShapeHoldsWhatItWasMadeOf()
    {
        var names = MlNetAccess.CreateColumn("SlotNames", SchemaShape.Column.VectorKind.Vector, TextDataViewType.Instance, false);
        var score = MlNetAccess.CreateColumn("Score", SchemaShape.Column.VectorKind.Vector, NumberDataViewType.Single, false, new SchemaShape([names]));
        Assert.Equal(("Score", SchemaShape.Column.VectorKind.Vector, false), (score.Name, score.Kind, score.IsKey));
        Assert.Same(NumberDataViewType.Single, score.ItemType);
        Assert.Equal("SlotNames", Assert.Single(score.Annotations).Name);
    }

    [System.Runtime.CompilerServices.UnsafeAccessor(System.Runtime.CompilerServices.UnsafeAccessorKind.Method, Name = "CancelExecution")]
    private static extern void Cancel(MLContext context);
}
