using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Checkpoints;

public sealed class CheckpointWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_tensor_is_made_when_those_before_it_are_written_and_let_go()
    {
        using var stream = new MemoryStream();
        var written = new List<long>();
        var groups = Enumerable.Range(0, 4).Select(i => Group($"t{i}", 1000, () => written.Add(stream.Length))).ToList();
        Assert.Empty(written);

        SafetensorsWriter.Write(stream, groups);

        Assert.Equal([0L, 4000, 8000, 12000], written.Select(length => length - written[0]));
        Assert.Equal(SafetensorsWriter.ToBytes(groups.SelectMany(group => group.Make())), stream.ToArray());
    }

    [Fact]
    public void Groups_of_mixed_widths_lie_as_if_they_were_written_at_once()
    {
        SafetensorsTensor[] first = [new("b", "U8", [3], new byte[] { 1, 2, 3 }), SafetensorsTensor.Of("c", [1, 2], 2)];
        SafetensorsTensor[] second = [new("a", "U8", [1], new byte[] { 9 }), new("d", "F16", [2], new byte[] { 4, 5, 6, 7 })];
        using var stream = new MemoryStream();

        SafetensorsWriter.Write(stream, [Of(first), Of(second)], CheckpointWriter.Metadata);

        Assert.Equal(SafetensorsWriter.ToBytes(first.Concat(second), CheckpointWriter.Metadata), stream.ToArray());

        static TensorGroup Of(SafetensorsTensor[] tensors) => new([.. tensors.Select(tensor => tensor.Header)], () => tensors);
    }

    [Fact]
    public void A_tensor_that_is_not_the_one_that_was_said_is_an_error()
    {
        var said = new TensorHeader("t", "F32", [2]);
        foreach (var made in (SafetensorsTensor[][])[[SafetensorsTensor.Of("t", [1, 2, 3], 3)], [SafetensorsTensor.Of("u", [1, 2], 2)], []])
            Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.Write(new MemoryStream(), [new TensorGroup([said], () => made)]));
    }

    [Theory]
    [InlineData(4000, 4)]
    [InlineData(8000, 2)]
    [InlineData(1, 4)]
    [InlineData(12_000, 2)]
    [InlineData(16_000, 1)]
    public void Shards_are_filled_to_their_size(long shardBytes, int files)
    {
        CheckpointWriter.Write(_folder.Path, Enumerable.Range(0, 4).Select(i => Group($"t{i}", 1000, () => { })), shardBytes);

        Assert.Equal(files, Directory.GetFiles(_folder.Path, "*.safetensors").Length);
        using var checkpoint = Checkpoint.Open(new FolderFiles(_folder.Path));
        Assert.Equal(["t0", "t1", "t2", "t3"], checkpoint.Names.Order());
        Assert.Equal(2f, checkpoint["t3"].ToFloats()[2]);
    }

    private static TensorGroup Group(string name, int count, Action made) => new([new TensorHeader(name, "F32", [count])], () =>
    {
        made();
        return [SafetensorsTensor.Of(name, [.. Enumerable.Range(0, count).Select(i => (float)i)], count)];
    });
}
