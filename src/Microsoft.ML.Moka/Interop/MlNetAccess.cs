extern alias MlNetInternals;

using System.Runtime.CompilerServices;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using ICancelable = MlNetInternals::Microsoft.ML.Runtime.ICancelable;
using IHostEnvironmentInternal = MlNetInternals::Microsoft.ML.Runtime.IHostEnvironmentInternal;

namespace Microsoft.ML.Moka.Interop;

/// <summary>
/// What a trainer needs of ML.NET that is not public there.
/// Types of Microsoft.ML.Core come from a compile-time stub of that assembly (build/access) under the alias MlNetInternals;
/// the member of Microsoft.ML.Data and the constructor of a public struct come through accessors.
/// </summary>
internal static class MlNetAccess
{
    /// <summary>The environment behind a catalog of trainers: its hosts log to the context's log and hear of its cancellation.</summary>
    public static IHostEnvironment EnvironmentOf(TrainCatalogBase.CatalogInstantiatorBase catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return GetEnvironment(catalog);
    }

    /// <summary>The environment behind the catalog of text transforms.</summary>
    public static IHostEnvironment EnvironmentOf(TransformsCatalog.TextTransforms catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return GetEnvironment(catalog);
    }

    /// <summary>The shape of a column as an estimator promises it.</summary>
    public static SchemaShape.Column CreateColumn(
        string name, SchemaShape.Column.VectorKind kind, DataViewType itemType, bool isKey, SchemaShape? annotations = null) =>
        NewColumn(name, kind, itemType, isKey, annotations);

    /// <summary>The seed of the context; null where it has none.</summary>
    public static int? SeedOf(IHostEnvironment env) => (env as IHostEnvironmentInternal)?.Seed;

    /// <summary>The GPU that the user chose by <see cref="MLContext.GpuDeviceId"/>; null where none was chosen.</summary>
    public static int? GpuDeviceIdOf(IHostEnvironment env) => (env as IHostEnvironmentInternal)?.GpuDeviceId;

    /// <summary>Whether the user lets the CPU step in where the GPU cannot be used.</summary>
    public static bool FallbackToCpuOf(IHostEnvironment env) => (env as IHostEnvironmentInternal)?.FallbackToCpu ?? true;

    /// <summary>The folder of temporary files: <see cref="MLContext.TempFilePath"/>, or the system's where it is not set.</summary>
    public static string TemporaryFolderOf(IHostEnvironment env) =>
        (env as IHostEnvironmentInternal)?.TempFilePath is { Length: > 0 } folder ? folder : Path.GetTempPath();

    /// <summary>Whether the context was told to cancel; there is no way back from that.</summary>
    public static bool IsCanceled(IHostEnvironment env) => env is ICancelable { IsCanceled: true };

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "Microsoft.ML.Data.IInternalCatalog.get_Environment")]
    private static extern IHostEnvironment GetEnvironment(TrainCatalogBase.CatalogInstantiatorBase catalog);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "Microsoft.ML.Data.IInternalCatalog.get_Environment")]
    private static extern IHostEnvironment GetEnvironment(TransformsCatalog.TextTransforms catalog);

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SchemaShape.Column NewColumn(
        string name, SchemaShape.Column.VectorKind vecKind, DataViewType itemType, bool isKey, SchemaShape? annotations);
}
