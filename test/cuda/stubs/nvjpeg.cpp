// A libnvjpeg.so.13 whose device is the host: libjpeg decodes. It ends the process where the rules of the
// real one are broken. In the environment:
//
//   STUB_NVJPEG_VERSION: 1000 times the major version and the minor one, 13000 unless it says otherwise
//
//   STUB_NVJPEG_HARDWARE: 1 if there is a hardware decoder, and no other way succeeds; 2 if it fails for
//   every picture; 3 if it does not begin; 4 if it fails, and does not begin again
//
//   STUB_NVJPEG_DECODES, STUB_NVJPEG_CREATES: the status of decoding and of nvjpegCreateEx, instead of 0
#include <atomic>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <thread>
// jpeglib.h needs FILE before it.
#include <jpeglib.h>

namespace {

enum Status { kSuccess = 0, kInvalid = 2, kBadJpeg = 3, kFailed = 6, kArchMismatch = 7 };
enum Format { kLuma = 2, kRgb = 5 };

struct Image {
  unsigned char* channel[4];
  size_t pitch[4];
};

int number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}
int hardware() {
  return number("STUB_NVJPEG_HARDWARE", 0);
}

void demand(bool kept, const char* rule) {
  if (kept) return;
  std::fprintf(stderr, "nvJPEG: %s\n", rule);
  std::abort();
}

struct Jpeg {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  std::jmp_buf target;
  Jpeg() {
    info.err = jpeg_std_error(&errors);
    info.client_data = this;
    errors.error_exit = [](j_common_ptr info) {
      std::longjmp(static_cast<Jpeg*>(info->client_data)->target, 1);
    };
    errors.output_message = [](j_common_ptr) {};
    jpeg_create_decompress(&info);
  }
  ~Jpeg() { jpeg_destroy_decompress(&info); }
};

Status decode(const unsigned char* data, size_t length, int format, const Image& image) {
  Jpeg jpeg;
  if (setjmp(jpeg.target) != 0) return kBadJpeg;
  jpeg_mem_src(&jpeg.info, data, length);
  jpeg_read_header(&jpeg.info, TRUE);
  jpeg.info.out_color_space = format == kLuma ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&jpeg.info);
  demand(image.pitch[0] >= static_cast<size_t>(jpeg.info.output_width) * (format == kLuma ? 1 : 3),
         "rows are longer than their pitch");
  while (jpeg.info.output_scanline < jpeg.info.output_height) {
    JSAMPROW row = image.channel[0] + jpeg.info.output_scanline * image.pitch[0];
    jpeg_read_scanlines(&jpeg.info, &row, 1);
  }
  jpeg_finish_decompress(&jpeg.info);
  return jpeg.errors.num_warnings > 0 ? kBadJpeg : static_cast<Status>(number("STUB_NVJPEG_DECODES", 0));
}

}  // namespace

struct nvjpegHandle {
  bool hardware;
  std::atomic<int> parts = 0;  // states and streams
};
struct Part {
  nvjpegHandle* handle;
  std::thread::id thread = std::this_thread::get_id();
  explicit Part(nvjpegHandle* handle) : handle(handle) { handle->parts++; }
  ~Part() { handle->parts--; }
  void use() const {
    demand(thread == std::this_thread::get_id(), "a state or stream is used by two threads");
  }
};
struct nvjpegJpegState : Part {
  using Part::Part;
  int begun = 0;
  int format = -1;  // of batches of one; -1: not initialised, or failed
};
struct nvjpegJpegStream : Part {
  using Part::Part;
  unsigned width = 0, height = 0;
};

extern "C" {

int nvjpegGetProperty(int type, int* value) {
  const int version = number("STUB_NVJPEG_VERSION", 13000);
  *value = type == 0 ? version / 1000 : type == 1 ? version % 1000 : 4;
  return kSuccess;
}

int nvjpegCreateEx(int backend, void*, void*, unsigned flags, nvjpegHandle** handle) {
  demand(flags == 4 || flags == 36, "unknown flags");
  if (backend == 3 && hardware() == 0) return kArchMismatch;
  const int status = number("STUB_NVJPEG_CREATES", 0);
  if (status == kSuccess) *handle = new nvjpegHandle{backend == 3};
  return status;
}
int nvjpegDestroy(nvjpegHandle* handle) {
  demand(handle->parts == 0, "a handle is destroyed before its states and streams");
  delete handle;
  return kSuccess;
}
int nvjpegGetHardwareDecoderInfo(nvjpegHandle* handle, unsigned* engines, unsigned* cores) {
  *engines = handle->hardware ? 1 : 0;
  *cores = handle->hardware ? 7 : 0;
  return kSuccess;
}

int nvjpegJpegStateCreate(nvjpegHandle* handle, nvjpegJpegState** state) {
  *state = new nvjpegJpegState(handle);
  return kSuccess;
}
int nvjpegJpegStateDestroy(nvjpegJpegState* state) {
  delete state;
  return kSuccess;
}
int nvjpegJpegStreamCreate(nvjpegHandle* handle, nvjpegJpegStream** stream) {
  *stream = new nvjpegJpegStream(handle);
  return kSuccess;
}
int nvjpegJpegStreamDestroy(nvjpegJpegStream* stream) {
  delete stream;
  return kSuccess;
}
int nvjpegJpegStreamParse(nvjpegHandle* handle, const unsigned char* data, size_t length, int, int,
                          nvjpegJpegStream* stream) {
  demand(stream->handle == handle, "a stream of another handle");
  stream->use();
  Jpeg jpeg;
  if (setjmp(jpeg.target) != 0) return kBadJpeg;
  jpeg_mem_src(&jpeg.info, data, length);
  jpeg_read_header(&jpeg.info, TRUE);
  stream->width = jpeg.info.image_width;
  stream->height = jpeg.info.image_height;
  return kSuccess;
}
int nvjpegJpegStreamGetFrameDimensions(nvjpegJpegStream* stream, unsigned* width, unsigned* height) {
  *width = stream->width;
  *height = stream->height;
  return kSuccess;
}

int nvjpegDecode(nvjpegHandle* handle, nvjpegJpegState* state, const unsigned char* data, size_t length,
                 int format, Image* image, void*) {
  demand(state->handle == handle && !handle->hardware, "a state of another handle");
  state->use();
  return hardware() == 1 ? static_cast<int>(kFailed) : decode(data, length, format, *image);
}

int nvjpegDecodeBatchedSupported(nvjpegHandle* handle, nvjpegJpegStream* stream, int* zero_if_supported) {
  demand(handle->hardware && stream->handle == handle && stream->width > 0, "a stream that was not parsed");
  *zero_if_supported = 0;
  return kSuccess;
}
int nvjpegDecodeBatchedInitialize(nvjpegHandle*, nvjpegJpegState* state, int batch, int, int format) {
  demand(batch == 1 && (format == kLuma || format == kRgb), "a batch of one, grey or RGB");
  state->use();
  if (hardware() == 3 || (hardware() == 4 && state->begun++ > 0)) return kFailed;
  state->format = format;
  return kSuccess;
}
int nvjpegDecodeBatched(nvjpegHandle* handle, nvjpegJpegState* state, const unsigned char* const* data,
                        const size_t* lengths, Image* image, void*) {
  demand(state->handle == handle && state->format >= 0,
         "a batch is not initialised, or not anew after a failure");
  state->use();
  const int status = hardware() == 2 || hardware() == 4 ? static_cast<int>(kFailed)
                                                        : decode(data[0], lengths[0], state->format, *image);
  if (status != kSuccess) state->format = -1;
  return status;
}
}
