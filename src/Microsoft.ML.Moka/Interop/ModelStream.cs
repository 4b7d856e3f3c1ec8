extern alias MlNetInternals;

using System.Runtime.CompilerServices;
using ModelLoadContext = MlNetInternals::Microsoft.ML.ModelLoadContext;
using VersionInfo = MlNetInternals::Microsoft.ML.VersionInfo;

namespace Microsoft.ML.Moka.Interop;

/// <summary>
/// The streams of a component in a model's zip archive: the bytes of its own entry, and entries of any name beside it.
/// Name and version of the component stand in the entry's header, which ML.NET writes and checks.
/// </summary>
internal static class ModelStream
{
    /// <summary>Writes the header of the component's entry; returns the writer of the bytes that follow.</summary>
    public static BinaryWriter Begin(ModelSaveContext ctx, VersionInfo version)
    {
        ArgumentNullException.ThrowIfNull(ctx);
        var internals = InternalsOf(ctx);
        internals.CheckAtModel();
        internals.SetVersionInfo(version);
        return internals.Writer;
    }

    /// <summary>Writes an entry beside the component's own.</summary>
    public static void Write(ModelSaveContext ctx, string entry, Action<BinaryWriter> write) => InternalsOf(ctx).SaveBinaryStream(entry, write);

    /// <summary>Checks the header of the component's entry; returns the reader of the bytes that follow.</summary>
    public static BinaryReader Begin(ModelLoadContext ctx, VersionInfo version)
    {
        ArgumentNullException.ThrowIfNull(ctx);
        ctx.CheckAtModel(version);
        return ctx.Reader;
    }

    /// <summary>Reads an entry beside the component's own, all that is needed of it: the entry's stream is gone afterwards.</summary>
    public static bool TryRead(ModelLoadContext ctx, string entry, Action<BinaryReader> read) => ctx.TryLoadBinaryStream(entry, read);

    // At run time both are one type.
    private static MlNetInternals::Microsoft.ML.ModelSaveContext InternalsOf(ModelSaveContext ctx) =>
        Unsafe.As<MlNetInternals::Microsoft.ML.ModelSaveContext>(ctx);
}
