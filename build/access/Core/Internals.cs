// The members stand here with ML.NET's names and signatures, and without bodies: nothing of this file ever runs.
#pragma warning disable CA1801, CA1822, CA1051, CA1815, CA1019, CA1003, CA1711, CA1068, CA1416, CA1805, CS0649, CS0169, IDE0060

namespace Microsoft.ML
{
    public delegate void SignatureLoadModel(ModelLoadContext ctx);

    [AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
    public sealed class LoadableClassAttribute : Attribute
    {
        public LoadableClassAttribute(Type instType, Type loaderType, Type argType, Type sigType, string userName, params string[] loadNames) => throw null;
    }

    public readonly struct VersionInfo
    {
        public VersionInfo(
            string modelSignature,
            uint verWrittenCur,
            uint verReadableCur,
            uint verWeCanReadBack,
            string loaderAssemblyName,
            string loaderSignature = null,
            string loaderSignatureAlt = null) => throw null;
    }

    public sealed class ModelSaveContext
    {
        public readonly BinaryWriter Writer;

        public void CheckAtModel() => throw null;

        public void SetVersionInfo(VersionInfo ver) => throw null;

        public void SaveTextStream(string name, Action<TextWriter> action) => throw null;

        public void SaveBinaryStream(string name, Action<BinaryWriter> action) => throw null;
    }

    public sealed class ModelLoadContext
    {
        public readonly BinaryReader Reader;

        public void CheckAtModel(VersionInfo ver) => throw null;

        public bool TryLoadTextStream(string name, Action<TextReader> action) => throw null;

        public bool TryLoadBinaryStream(string name, Action<BinaryReader> action) => throw null;
    }
}

namespace Microsoft.ML.Runtime
{
    public interface ICancelable
    {
        bool IsCanceled { get; }
    }

    public interface IHostEnvironmentInternal
    {
        int? Seed { get; }

        string TempFilePath { get; }

        bool FallbackToCpu { get; }

        int? GpuDeviceId { get; }
    }
}
