using Google.Protobuf;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Training;

/// <summary>The curves of a run as an event file of TensorBoard: scalars by step, in a file of its own for each run.</summary>
/// <remarks>
/// The messages are Event, Summary and Summary.Value of TensorFlow's event.proto and summary.proto; only their few fields that are set here are written.
/// </remarks>
internal sealed class TensorBoardLog : IDisposable
{
    private const uint WallTime = (1 << 3) | 1;
    private const uint Step = 2 << 3;
    private const uint FileVersion = (3 << 3) | 2;
    private const uint Summary = (5 << 3) | 2;
    private const uint Value = (1 << 3) | 2;
    private const uint Tag = (1 << 3) | 2;
    private const uint SimpleValue = (2 << 3) | 5;

    private readonly RecordLog _log;

    /// <summary>Begins a file in a folder, which is made if it is not there.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public TensorBoardLog(string folder)
    {
        Disk.Current.CreateFolder(folder);
        _log = new RecordLog(NewName(folder));
        Write(output =>
        {
            output.WriteRawTag((byte)FileVersion);
            output.WriteString("brain.Event:2");
        });
    }

    public void Add(TrainingProgress progress)
    {
        var values = new List<(string Tag, double Value)>
        {
            ("train/loss", progress.Loss),
            ("train/learning_rate", progress.LearningRate),
            ("train/gradient_norm", progress.GradientNorm),
            ("train/tokens_per_second", progress.TokensPerSecond),
            ("train/epoch", progress.Epoch),
        };
        if (progress.ValidationLoss is { } validation)
            values.Add(("validation/loss", validation));
        var summary = Message(output =>
        {
            foreach (var (tag, value) in values)
            {
                output.WriteRawTag((byte)Value);
                output.WriteBytes(ByteString.CopyFrom(Message(inner =>
                {
                    inner.WriteRawTag((byte)Tag);
                    inner.WriteString(tag);
                    inner.WriteRawTag((byte)SimpleValue);
                    inner.WriteFloat((float)value);
                })));
            }
        });
        Write(output =>
        {
            output.WriteRawTag((byte)Step);
            output.WriteInt64(progress.Step);
            output.WriteRawTag((byte)Summary);
            output.WriteBytes(ByteString.CopyFrom(summary));
        });
    }

    /// <summary>Returns when all is on the disk.</summary>
    public void Flush() => _log.Flush();

    public void Dispose() => _log.Dispose();

    // TensorBoard knows the files by "tfevents" in their names, and reads a folder's in the order of their times.
    private static string NewName(string folder)
    {
        for (var number = 0; ; number++)
        {
            var name = FormattableString.Invariant(
                $"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}.{Environment.MachineName}.{Environment.ProcessId}.{number}");
            if (!File.Exists(Path.Combine(folder, name)))
                return Path.Combine(folder, name);
        }
    }

    private void Write(Action<CodedOutputStream> fields) => _log.Append(Message(output =>
    {
        output.WriteRawTag((byte)WallTime);
        output.WriteDouble((DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds);
        fields(output);
    }));

    private static byte[] Message(Action<CodedOutputStream> fields)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
            fields(output);
        return bytes.ToArray();
    }
}
